// Bytes that reach the disk for each byte appended: 128-byte records, 64 writers, durable.

import { Log } from "@tidemark/wal";
import type { OpenJournal } from "../journal.js";
import { RECORD_BYTES, recordAt } from "../material.js";
import { diskMissing, writtenBytes } from "../process-figures.js";
import { duration, type Scenario, type System, TIDEMARK, verify } from "../scenario.js";
import { openLevelJournal } from "../systems/level.js";
import { openLmdbJournal } from "../systems/lmdb.js";
import { openSqliteJournal } from "../systems/sqlite.js";
import { runWriters } from "../writers.js";

const WRITERS = 64;

const tidemark: System = {
  missing: diskMissing,
  async measure(place) {
    const { warmMs, measureMs } = duration(place);
    const log = await Log.open(place.directory);
    const append = (number: number) => log.append(recordAt(number));
    const warm = await runWriters(WRITERS, warmMs, 0, append);
    const [before, zerosBefore] = [writtenBytes(place.directory), log.stats().zerosWritten];
    const { count } = await runWriters(WRITERS, measureMs, warm.count, append);
    const appended = count * RECORD_BYTES;
    const written = writtenBytes(place.directory) - before;
    const zeros = log.stats().zerosWritten - zerosBefore;
    verify(log.endOffset === warm.count + count, `${count} records`);
    await log.close();
    return { ratio: written / appended, zeros: zeros / appended };
  },
};

function peer(open: OpenJournal): System {
  return {
    missing: diskMissing,
    async measure(place) {
      const { warmMs, measureMs } = duration(place);
      const journal = await open(place.directory, true);
      const append = (number: number) => journal.append(recordAt(number));
      const warm = await runWriters(WRITERS, warmMs, 0, append);
      const before = writtenBytes(place.directory);
      const { count } = await runWriters(WRITERS, measureMs, warm.count, append);
      const written = writtenBytes(place.directory) - before;
      const found = await journal.count();
      verify(found === warm.count + count, `${found} records`);
      await journal.close();
      return { ratio: written / (count * RECORD_BYTES) };
    },
  };
}

export const diskBytes: Scenario = {
  name: "disk-bytes",
  systems: {
    [TIDEMARK]: tidemark,
    lmdb: peer(openLmdbJournal),
    "classic-level": peer(openLevelJournal),
    "better-sqlite3": peer(openSqliteJournal),
  },
  figures: [
    {
      key: "ratio",
      name: "disk-bytes",
      title: "disk: bytes written per byte appended, 64 writers",
      unit: "B/B",
      better: "lower",
      goals: [{ bound: 3 }],
    },
    {
      key: "zeros",
      name: "disk-zeros",
      title: "disk: of these, zeros written ahead",
      unit: "B/B",
      better: "lower",
      goals: [],
    },
  ],
};
