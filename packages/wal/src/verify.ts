// Verifying a log, at rest or beside its writer. Read-only; damage is listed, not thrown.

import { checkDirectory, checkWatch } from "./arguments.js";
import { type EntryMap, filesAtFault, leftovers, listEntries } from "./directory.js";
import { LogError } from "./errors.js";
import {
  type Damage,
  damageOf,
  examineLog,
  type LogExamination,
  type OffsetRange,
  type Progress,
  type RecordVisitor,
} from "./examine.js";
import type { FileSystem } from "./file-system.js";
import type { Manifest } from "./manifest.js";
import { indexName, isOurs, MANIFEST, storeId } from "./names.js";
import { notFound, segmentsOf } from "./opening.js";
import { callable, checkKeys, resolveFileSystem } from "./options.js";
import { manifestOrDamage, rebuildManifest } from "./rebuild-manifest.js";
import { readIndex } from "./sealed-index.js";
import { type VerifiedSegment, verifiedSegment } from "./verified-segment.js";
import { knownEnd, wholeEnd, wholeRuns } from "./whole-records.js";

/** On what, and with whom listening, to verify. */
export interface VerifyOptions {
  readonly fileSystem?: FileSystem;
  /**
   * Makes what is told of every whole record of this log, in order and also behind damage: a new one for each time
   * that the log has to be looked at from the start, since its writer changed the directory under the reading. Payloads
   * are as `Log.records` gives them; the reading waits for a promise that is returned.
   */
  readonly visit?: (logId: string) => RecordVisitor;
  /** Rejects with its reason. */
  readonly signal?: AbortSignal;
  /** Told a few times a second. */
  readonly onProgress?: (progress: Progress) => void;
}

/** All that verifying has found. */
export interface VerifyReport {
  /** No damage. Torn bytes at the end are none: they were never proved acknowledged, and opening cuts them off. */
  readonly ok: boolean;
  readonly damage: readonly Damage[];
  /** UUID of the log; undefined if no manifest is left and none can be made of the segments. */
  readonly logId: string | undefined;
  /** Where the log's end is torn; beside a live writer also where it is writing at this moment. */
  readonly torn:
    | { readonly file: string; readonly position: number; readonly offset: number }
    | undefined;
  /** Names of index files that are missing or wrong: a cache, rebuilt when it is needed. */
  readonly staleIndexes: readonly string[];
  /** Names of what a step that was cut off left over (or has under way, beside a live writer): a writer removes it. */
  readonly leftovers: readonly string[];
  /** Names of what is none of the log's and left alone. */
  readonly foreign: readonly string[];
  readonly startOffset: number;
  /** Offset after the last record that is whole from the start on. */
  readonly endOffset: number;
  /** Runs of whole records, in order: one if there is no damage, none if there are no records. */
  readonly whole: readonly OffsetRange[];
  /** Offset up to which the log is known to have had records: above `endOffset` if some are lost. */
  readonly knownEnd: number;
  /** In order; each with where in it the damage lies. */
  readonly segments: readonly VerifiedSegment[];
  readonly batches: number;
  readonly records: number;
  /** Bytes of stores that were read and checked. */
  readonly bytes: number;
  readonly durationMs: number;
}

/** Attempts while a live writer changes the directory under the reading. */
const ATTEMPTS_MAX = 5;

/**
 * Reads the whole log and checks every checksum. Resolves with all the damage that it finds; where the manifest is
 * lost or damaged, the rest is judged by the one that `repairLog` would make. Rejects with `LOG_NOT_FOUND`,
 * `LOG_UNSUPPORTED_VERSION`, `LOG_IO`, `LOG_INVALID_ARGUMENT`, the signal's reason or what the visitor throws.
 */
export async function verifyLog(
  directory: string,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  checkKeys("options", options, ["fileSystem", "signal", "onProgress", "visit"]);
  const absolute = checkDirectory(directory);
  checkWatch(options);
  if (options.visit !== undefined) callable("visit", options.visit);
  const fileSystem = resolveFileSystem(options.fileSystem);
  for (let attempt = 1; ; attempt++) {
    const startMs = performance.now();
    const stated = manifestOrDamage(fileSystem, absolute);
    try {
      const report = await verify(fileSystem, absolute, stated, options);
      if (report.ok || attempt >= ATTEMPTS_MAX || stands(fileSystem, absolute, stated)) {
        return { ...report, durationMs: performance.now() - startMs };
      }
    } catch (error) {
      if (attempt >= ATTEMPTS_MAX || stands(fileSystem, absolute, stated)) throw error;
    }
  }
}

function stands(fileSystem: FileSystem, directory: string, stated: Manifest | Damage): boolean {
  const now = manifestOrDamage(fileSystem, directory);
  const generationOf = (found: Manifest | Damage) =>
    "generation" in found ? found.generation : -1;
  return generationOf(now) === generationOf(stated);
}

/** Without a manifest nothing else has a meaning: which segments are the log is unknown. */
function onlyManifest(damage: Damage): VerifyReport {
  return {
    ok: false,
    damage: [damage],
    logId: undefined,
    torn: undefined,
    staleIndexes: [],
    leftovers: [],
    foreign: [],
    startOffset: 0,
    endOffset: 0,
    whole: [],
    knownEnd: 0,
    segments: [],
    batches: 0,
    records: 0,
    bytes: 0,
    durationMs: 0,
  };
}

async function verify(
  fileSystem: FileSystem,
  directory: string,
  stated: Manifest | Damage,
  options: VerifyOptions,
): Promise<VerifyReport> {
  const entries = listEntries(fileSystem, directory) ?? new Map();
  if ("generation" in stated)
    return verifySegments(fileSystem, directory, stated, entries, options);
  if (![...entries.keys()].some((name) => name === MANIFEST || storeId(name) !== undefined)) {
    throw notFound(directory);
  }
  const rebuilt = rebuiltOrDamage(fileSystem, directory, entries);
  if (!("generation" in rebuilt)) return onlyManifest(stated);
  const report = await verifySegments(fileSystem, directory, rebuilt, entries, options);
  return { ...report, ok: false, damage: [stated, ...report.damage] };
}

function rebuiltOrDamage(
  fileSystem: FileSystem,
  directory: string,
  entries: EntryMap,
): Manifest | Damage {
  try {
    return rebuildManifest(fileSystem, directory, entries);
  } catch (error) {
    return damageOf(error);
  }
}

async function verifySegments(
  fileSystem: FileSystem,
  directory: string,
  manifest: Manifest,
  entries: EntryMap,
  { signal, onProgress, visit }: VerifyOptions,
): Promise<VerifyReport> {
  const atFault = [...filesAtFault(fileSystem, directory, manifest, entries)].map(damageOf);
  const examination = await examineLog(fileSystem, directory, manifest, {
    signal,
    onProgress,
    visit: visit?.(manifest.logId),
  });
  const { segments } = examination;
  const inside = segments.flatMap(({ damage }) => damage);
  const damage = [
    ...atFault.filter(({ file }) => !inside.some((other) => other.file === file)),
    ...inside,
  ];
  return {
    ok: damage.length === 0,
    damage,
    logId: manifest.logId,
    torn: tornOf(manifest, examination),
    staleIndexes: staleIndexes(fileSystem, directory, manifest, examination),
    leftovers: leftovers(fileSystem, directory, manifest, entries),
    foreign: [...entries.keys()].filter((name) => !isOurs(name)),
    startOffset: manifest.startOffset,
    endOffset: wholeEnd(manifest, examination),
    whole: wholeRuns(segments),
    knownEnd: knownEnd(manifest, segments),
    segments: segments.map((segment) => verifiedSegment(manifest, segment)),
    batches: segments.reduce((sum, { batches }) => sum + batches, 0),
    records: segments.reduce((sum, { records }) => sum + records, 0),
    bytes: segments.reduce((sum, { bytes }) => sum + bytes, 0),
    durationMs: 0,
  };
}

function tornOf(manifest: Manifest, { segments, tear }: LogExamination): VerifyReport["torn"] {
  if (tear === undefined) return undefined;
  const torn = segments.slice(-unsealedCount(manifest))[tear.segmentIndex];
  if (torn === undefined) return undefined;
  return { file: torn.segment.path, position: tear.position, offset: tear.offset };
}

function unsealedCount(manifest: Manifest): number {
  return manifest.segments.filter(({ state }) => state !== "sealed").length;
}

function staleIndexes(
  fileSystem: FileSystem,
  directory: string,
  manifest: Manifest,
  { segments }: LogExamination,
): string[] {
  const { sealed } = segmentsOf(fileSystem, directory, manifest);
  const stale: string[] = [];
  for (const segment of sealed) {
    const found = segments.find(({ segment: { id } }) => id === segment.id);
    if (found === undefined || found.damage.length > 0) continue;
    try {
      if (readIndex(fileSystem, directory, segment) === undefined)
        stale.push(indexName(segment.id));
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
    } finally {
      segment.closeSync();
    }
  }
  return stale;
}
