// Opening a log of 1 GiB beside one of 64 MiB, each with its last segment full: after a close, and after SIGKILL.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Log } from "@tidemark/wal";
import { fillLog } from "../log-filling.js";
import {
  type Figure,
  type Place,
  type Scenario,
  type System,
  TIDEMARK,
  verify,
} from "../scenario.js";

const SMALL = "Tidemark, 64 MiB";
/** What is left free, so that the last segment does not run over. */
const SPARE_BYTES = 2 ** 20;

function segmentBytes({ quick }: Place): number {
  return (quick ? 4 : 64) * 2 ** 20;
}

function opening(segments: number): System {
  return {
    async prepare(place) {
      const bytes = segmentBytes(place);
      await fillLog(place.directory, segments * bytes - SPARE_BYTES, bytes);
    },
    async measure(place) {
      const clean = await openOnce(place, true);
      const writer = fileURLToPath(new URL("../kill-writer.js", import.meta.url));
      const { signal } = spawnSync(process.execPath, [
        writer,
        place.directory,
        `${segmentBytes(place)}`,
      ]);
      verify(signal === "SIGKILL", "a writer that was killed");
      return { clean, killed: await openOnce(place, false) };
    },
  };
}

/** ms that opening takes. */
async function openOnce(place: Place, clean: boolean): Promise<number> {
  const startMs = performance.now();
  const log = await Log.open(place.directory, { segmentBytes: segmentBytes(place) });
  const ms = performance.now() - startMs;
  verify(log.recovery.orderly === clean, "how the log was closed");
  verify(log.endOffset > 0 && log.read(log.endOffset - 1).payload.length > 0, "its last record");
  await log.close();
  return ms;
}

function figure(key: string, title: string): Figure {
  const goals = [{ ratio: 0.5, against: SMALL }];
  return { key, name: `log-open-${key}`, title, unit: "ms", better: "lower", goals };
}

export const logOpen: Scenario = {
  name: "log-open",
  systems: { [TIDEMARK]: opening(16), [SMALL]: opening(1) },
  figures: [
    figure("clean", "log: opening 1 GiB after a close"),
    figure("killed", "log: opening 1 GiB after SIGKILL"),
  ],
};
