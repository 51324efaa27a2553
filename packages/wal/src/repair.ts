// Repairing a damaged log, only when asked to. Offsets have no gaps, so what stays is one run of records: those
// before the first damage, or those behind the last. Whatever that leaves out is copied aside first, so a
// repair can be undone by hand; the change itself is one replacement of the manifest.

import { checkDirectory, checkWatch } from "./arguments.js";
import { type EntryMap, filesAtFault, listEntries } from "./directory.js";
import { ioError, LogError } from "./errors.js";
import {
  type Damage,
  damageOf,
  examineLog,
  type OffsetRange,
  type Progress,
  type SegmentExamination,
  type Watch,
} from "./examine.js";
import type { FileSystem } from "./file-system.js";
import { acquireLock } from "./lock.js";
import type { Manifest } from "./manifest.js";
import { join, MANIFEST, storeId, storeName } from "./names.js";
import { notFound } from "./opening.js";
import { checkKeys, flag, invalid, or, resolveFileSystem } from "./options.js";
import { readOrRebuildManifest } from "./rebuild-manifest.js";
import { planRepair, type RepairPlan } from "./repair-plan.js";
import { applyRepair } from "./repair-steps.js";
import { knownEnd, wholeRuns } from "./whole-records.js";

/** How to repair, or only to say what would be done. */
export interface RepairOptions {
  /**
   * Which records stay: `"before"` the first damage (default, unless nothing is before it), or `"after"` the
   * last, from the next whole segment on, for damage at the beginning of a log.
   */
  readonly keep?: "before" | "after";
  /** Only tells what would be done. */
  readonly dryRun?: boolean;
  readonly fileSystem?: FileSystem;
  /** Rejects with its reason, before anything is changed. */
  readonly signal?: AbortSignal;
  /** Told a few times a second. */
  readonly onProgress?: (progress: Progress) => void;
}

/** What a repair kept, and what is lost. */
export interface RepairReport {
  /** False if the log needed nothing, or with `dryRun`. */
  readonly changed: boolean;
  readonly damage: readonly Damage[];
  /** The manifest was lost or damaged and has been made anew from the stores. */
  readonly manifestRebuilt: boolean;
  /** The records that the log has after the repair. */
  readonly kept: OffsetRange;
  /** Offsets that the log had and has no more, as far as anything tells; some may be among `intact`. */
  readonly lost: OffsetRange | undefined;
  /** Of the lost records, those that are whole in the files set aside. */
  readonly intact: readonly OffsetRange[];
  /** Folder with the copies of all that was left out or replaced; undefined if there was nothing. */
  readonly aside: string | undefined;
}

/**
 * Makes a damaged log one that opens again. Takes the writer's lock. Resolves with what was kept, lost and set
 * aside; idempotent, also through a crash. Rejects with `LOG_LOCKED`, `LOG_NOT_FOUND`, `LOG_CORRUPT` (nothing
 * is left to keep), `LOG_NO_SPACE`, `LOG_IO`, `LOG_INVALID_ARGUMENT` (also where `keep` has to be given) or the
 * signal's reason.
 */
export async function repairLog(
  directory: string,
  options: RepairOptions = {},
): Promise<RepairReport> {
  checkKeys("options", options, ["keep", "dryRun", "fileSystem", "signal", "onProgress"]);
  const absolute = checkDirectory(directory);
  const { keep } = options;
  if (keep !== undefined && keep !== "before" && keep !== "after") {
    throw invalid("keep", `"before" or "after"`, keep);
  }
  const dryRun = flag("dryRun", or(options.dryRun, false));
  checkWatch(options);
  const fileSystem = resolveFileSystem(options.fileSystem);
  if (!holdsLog(listEntries(fileSystem, absolute))) throw notFound(absolute);
  const lock = await acquireLock(fileSystem, absolute, Date.now);
  try {
    return await repair(fileSystem, absolute, keep, dryRun, options);
  } catch (cause) {
    throw cause instanceof LogError || options.signal?.aborted === true
      ? cause
      : ioError("repairing the log", cause);
  } finally {
    await lock.release();
  }
}

function holdsLog(entries: EntryMap | undefined): boolean {
  if (entries === undefined) return false;
  return [...entries.keys()].some((name) => name === MANIFEST || storeId(name) !== undefined);
}

async function repair(
  fileSystem: FileSystem,
  directory: string,
  keep: "before" | "after" | undefined,
  dryRun: boolean,
  watch: Watch,
): Promise<RepairReport> {
  const entries = listEntries(fileSystem, directory) ?? new Map();
  const found = readOrRebuildManifest(fileSystem, directory, entries);
  const { manifest } = found;
  const faults = [...filesAtFault(fileSystem, directory, manifest, entries)].map(damageOf);
  const { segments } = await examineLog(fileSystem, directory, manifest, watch);
  const inside = segments.flatMap((segment) => segment.damage);
  const missed = faults.filter(({ file }) => !inside.some((other) => other.file === file));
  const damage = [...found.damage, ...missed, ...inside];
  refuseUnknown(manifest, directory, missed);
  const plan = planRepair(manifest, found.damage.length > 0, segments, faults, keep);
  const report = reportOf(plan, segments, damage);
  if (damage.length === 0 || dryRun) return { ...report, changed: false, aside: undefined };
  return { ...report, changed: true, aside: await applyRepair(fileSystem, directory, plan) };
}

/** Records that the manifest knows nothing of: it is older than the log, and only its owner knows which is meant. */
function refuseUnknown(manifest: Manifest, directory: string, faults: readonly Damage[]): void {
  const known = new Set(manifest.segments.map(({ id }) => join(directory, storeName(id))));
  const stranger = faults.find(({ file }) => !known.has(file));
  if (stranger === undefined) return;
  throw new LogError(
    "LOG_CORRUPT",
    "a segment with records is unknown to the manifest; take one of the two away: that segment if the manifest is right, or MANIFEST to have it made anew from all segments",
    { file: stranger.file },
  );
}

/** Runs of whole records in the segments that are left out; what is whole of the front stays. */
function intactIn({ dropped, front }: RepairPlan): OffsetRange[] {
  return wholeRuns(
    dropped.map((left) => (left === front ? { ...left, begin: left.whole.offset } : left)),
  );
}

function reportOf(
  plan: RepairPlan,
  segments: readonly SegmentExamination[],
  damage: readonly Damage[],
): Omit<RepairReport, "changed" | "aside"> {
  const { kept, front, startOffset, manifestRebuilt, manifest } = plan;
  const last = front ?? kept[kept.length - 1];
  const to = Math.max(startOffset, last?.whole.offset ?? startOffset);
  const intact = intactIn(plan);
  const end = knownEnd(manifest, segments);
  const lost =
    startOffset > manifest.startOffset
      ? { from: manifest.startOffset, to: startOffset }
      : end > to
        ? { from: to, to: end }
        : undefined;
  return { damage, manifestRebuilt, kept: { from: startOffset, to }, lost, intact };
}
