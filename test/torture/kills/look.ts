// What a directory shows to a reader once its writer is gone.

import { Database, DatabaseError } from "@tidemark/kv";
import { Log, LogError, verifyLog } from "@tidemark/wal";
import { Random } from "@tidemark/wal/testing";
import type { DatabaseModel } from "./database-model.js";
import { digestOfMarks, digestOfSerials, marksOf, serialsOf } from "./digest.js";
import type { LogModel } from "./log-model.js";

/** Holds a log that nobody writes against its model; nothing on disk changes. Returns what is wrong; "none" if there is no log. */
export async function lookAtLog(directory: string, model: LogModel): Promise<string | undefined> {
  try {
    await using log = await Log.open(directory, { readOnly: true });
    const marks = marksOf(log);
    const { startOffset: start, endOffset: end } = log;
    const wrong = model.judge({ start, end, digest: digestOfMarks(marks) }, marks);
    if (wrong !== undefined) return `a reader's log ${wrong}`;
  } catch (error) {
    if (error instanceof LogError && error.code === "LOG_NOT_FOUND") return "none";
    throw error;
  }
  const { ok, damage, endOffset } = await verifyLog(directory);
  if (!ok) return `verifying finds ${JSON.stringify(damage)}`;
  if (endOffset !== model.end) return `verifying finds an end at ${endOffset}, not ${model.end}`;
  return undefined;
}

/** As {@link lookAtLog}, for a database; also at some of its past, which follows from the seed. */
export async function lookAtDatabase(
  directory: string,
  model: DatabaseModel,
  seed: number,
): Promise<string | undefined> {
  const random = new Random(seed);
  try {
    await using db = await Database.open(directory, { readOnly: true });
    const wrong = model.judge({
      start: 0,
      end: db.endOffset,
      digest: digestOfSerials(serialsOf(db)),
    });
    if (wrong !== undefined) return `a reader's database ${wrong}`;
    for (let look = 0; look < 3 && model.end > 0; look++) {
      const offset = random.below(model.end);
      const then = serialsOf(await db.at({ offset }));
      if (digestOfSerials(then) !== digestOfSerials(model.stateAt(offset)))
        return `is another one at offset ${offset} than it was`;
    }
  } catch (error) {
    if (error instanceof DatabaseError && error.code === "KV_NOT_FOUND") return "none";
    throw error;
  }
  return undefined;
}
