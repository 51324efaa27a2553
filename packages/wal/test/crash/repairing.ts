// Repairs: what they say is what they do, done again they change nothing, and the log opens after them.

import { LogError, type RepairReport, repairLog, verifyLog } from "@tidemark/wal";
import type { SimulatedDisk } from "@tidemark/wal/testing";
import type { Shown } from "./model.js";
import { DIRECTORY, logOptions, type Program } from "./program.js";
import { ProgramError } from "./program-error.js";
import type { Session } from "./session.js";
import { openLog, type Refusal, show, withLock } from "./show.js";

/** How a repair is refused that would have nothing to keep, is not told what, or meets an error that comes late. */
const HOPELESS = new Set([
  "LOG_CORRUPT",
  "LOG_INVALID_ARGUMENT",
  "LOG_IO",
  "LOG_NO_SPACE",
  "LOG_NOT_FOUND",
  "LOG_UNSUPPORTED_VERSION",
]);

/** What a repair does to a disk at rest, on a copy of it; and that it is what it says beforehand. */
export async function tryRepair(
  disk: SimulatedDisk,
  program: Pick<Program, "keep">,
): Promise<Shown | Refusal> {
  const copy = disk.fork();
  try {
    const plan = await repairAs(copy, program, true);
    const report = await repairAs(copy, program, false);
    agree("a repair", report, plan, plan.damage.length > 0);
    agree("a second repair", await repairAs(copy, program, false), { ...plan, damage: [] }, false);
    const { ok, damage } = await verifyLog(DIRECTORY, { fileSystem: copy });
    if (!ok) throw new ProgramError(`after a repair verifying finds ${JSON.stringify(damage)}`);
    // It lasts.
    const left = copy.crash({ profile: "P3", choice: "" });
    const options = logOptions({ durability: "commit" }, () => 5_000_000);
    return show(await openLog(left, options));
  } catch (error) {
    if (!(error instanceof LogError) || !HOPELESS.has(error.code)) throw error;
    return { refused: error.code, message: error.message };
  }
}

function agree(
  what: string,
  report: RepairReport,
  { kept, damage }: RepairReport,
  changed: boolean,
): void {
  if (report.changed !== changed) throw new ProgramError(`${what} changed: ${report.changed}`);
  if (report.damage.length !== damage.length)
    throw new ProgramError(`${what} finds ${JSON.stringify(report.damage)}`);
  if (report.kept.from !== kept.from || report.kept.to !== kept.to)
    throw new ProgramError(
      `${what} keeps ${JSON.stringify(report.kept)}, not ${JSON.stringify(kept)}`,
    );
}

function repairAs(
  disk: SimulatedDisk,
  { keep }: Pick<Program, "keep">,
  dryRun: boolean,
): Promise<RepairReport> {
  const options = { fileSystem: disk, dryRun, ...(keep === undefined ? {} : { keep }) };
  return withLock(disk, () => repairLog(DIRECTORY, options));
}

/** Closes the log, damages one place or nothing, repairs it and opens it. */
export async function repair(session: Session, damage: number | undefined): Promise<void> {
  const { model, program } = session;
  await session.close();
  session.recorder.keep();
  session.mend();
  if (damage !== undefined) {
    model.losePower();
    session.onlookers = [];
    session.attach(session.disk.crash({ profile: "P5", seed: damage }), damage);
  }
  const outcome = await tryRepair(session.disk, program);
  if ("refused" in outcome) {
    if (damage === undefined && !model.doubtful)
      throw new ProgramError(`a repair: ${outcome.message}`);
    // Whoever looks at what is left is refused as well, or sees what there was.
    model.doubtful = true;
    session.ended = true;
    return;
  }
  if (damage !== undefined) model.kept = { from: outcome.startOffset, to: outcome.endOffset };
  session.recorder.keep();
  const { changed } = await repairAs(session.disk, program, false);
  if (damage === undefined && changed)
    throw new ProgramError("a repair of what is whole changed it");
  session.recorder.keep();
  await session.open("repaired", session.facts());
}
