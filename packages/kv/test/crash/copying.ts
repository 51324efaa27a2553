// The steps of a program that restore: into a directory of its own, by another process, which may be killed on the
// way. The source stays as it is; at the destination is nothing, or the whole.

import { restore, type Target } from "@tidemark/kv";
import type { SimulatedDisk } from "@tidemark/wal/testing";
import { chosenTarget, endBeside, percentOf } from "./beside.js";
import { DatabaseModel } from "./model.js";
import { copyName, type Step } from "./program.js";
import type { Session } from "./session.js";

export type RestoreStep = Extract<Step, { do: "restore" }>;

/** Restores beside the writer, to what a reader can see. */
export function startRestoreBeside(session: Session, step: RestoreStep): void {
  const other = session.disk.startProcess();
  const { model, life } = session;
  const restored = endBeside(session, other).then(async (endOffset) => {
    // After a crash the disk that it sees is no longer the program's.
    if (endOffset === 0 || life !== session.life) return;
    const offset = model.first + percentOf(step.percent, endOffset - model.first);
    await copy(session, step, other, offset, { offset });
  });
  session.under(restored, () => undefined);
}

/** Restores from a closed database; resolves with the copy, if it was made. */
export async function restoreClosed(
  session: Session,
  step: RestoreStep,
): Promise<DatabaseModel | undefined> {
  const { model, disk } = session;
  if (step.by === "beside") return undefined;
  const chosen = chosenTarget(model, step.percent, step.by);
  if (chosen === undefined) return undefined;
  const { target, meant } = chosen;
  const before = filesOf(disk, model.directory);
  let made: DatabaseModel | undefined;
  const restored = copy(session, step, disk.startProcess(), meant, target);
  session.under(restored, (copied) => {
    made = copied;
  });
  await session.settle();
  session.expect("the source after a restore", filesOf(disk, model.directory), before);
  return made;
}

async function copy(
  session: Session,
  { killAfter }: RestoreStep,
  disk: SimulatedDisk,
  offset: number,
  target: Target,
): Promise<DatabaseModel | undefined> {
  session.copies += 1;
  const model = new DatabaseModel(
    copyName(session.copies),
    session.model.commits.slice(0, offset + 1),
  );
  session.models.push(model);
  const killed = killAfter !== undefined && killAt(disk, model.directory, killAfter);
  const { life } = session;
  const options = { fileSystem: disk, clock: () => session.now };
  try {
    const restoring = restore(session.model.directory, model.directory, target, options);
    const report = await session.unlessOutOfReach(restoring);
    if (report === undefined) return undefined;
    session.expect("where a restore went", report.offset, offset);
  } catch (error) {
    if (killed) return undefined;
    throw error;
  }
  if (life === session.life) model.made = true;
  return model;
}

/** Kills a process at a call that changes something below a path; returns whether that is to come. */
function killAt(disk: SimulatedDisk, path: string, after: number): true {
  let left = after;
  disk.watch({
    before: (call) => {
      if (!call.path.startsWith(path)) return;
      if (left === 0) disk.kill();
      left -= 1;
    },
  });
  return true;
}

/** All files below a directory with their bytes. */
function filesOf(disk: SimulatedDisk, directory: string): string {
  const paths = disk.paths().filter((path) => path.startsWith(`${directory}/`));
  return paths
    .map((path) => `${path} ${Buffer.from(disk.bytesOf(path)).toString("latin1")}`)
    .join();
}
