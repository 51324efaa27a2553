// Verifying a log, at rest or beside its writer. Read-only; damage is listed, not thrown.

import { checkDirectory, checkWatch } from "./arguments.js";
import { filesAtFault, listEntries } from "./directory.js";
import { LogError } from "./errors.js";
import {
  type Damage,
  damageOf,
  examineLog,
  type LogExamination,
  type Progress,
  type Watch,
} from "./examine.js";
import type { FileSystem } from "./file-system.js";
import type { Manifest } from "./manifest.js";
import { readManifest } from "./manifest-file.js";
import { indexName } from "./names.js";
import { notFound, segmentsOf } from "./opening.js";
import { checkKeys, resolveFileSystem } from "./options.js";
import { readIndex } from "./sealed-index.js";

export interface VerifyOptions {
  readonly fileSystem?: FileSystem;
  /** Rejects with its reason. */
  readonly signal?: AbortSignal;
  /** Told a few times a second. */
  readonly onProgress?: (progress: Progress) => void;
}

export interface VerifyReport {
  /** No damage. Torn bytes at the end are none: they were never proved acknowledged, and opening cuts them off. */
  readonly ok: boolean;
  readonly damage: readonly Damage[];
  /** Where the log's end is torn; beside a live writer also where it is writing at this moment. */
  readonly torn:
    | { readonly file: string; readonly position: number; readonly offset: number }
    | undefined;
  /** Names of index files that are missing or wrong: a cache, rebuilt when it is needed. */
  readonly staleIndexes: readonly string[];
  readonly startOffset: number;
  /** Offset after the last record that is whole from the start on. */
  readonly endOffset: number;
  readonly segments: number;
  readonly batches: number;
  readonly records: number;
  /** Bytes of stores that were read and checked. */
  readonly bytes: number;
  readonly durationMs: number;
}

/** Attempts while a live writer changes the directory under the reading. */
const ATTEMPTS_MAX = 5;

/**
 * Reads the whole log and checks every checksum. Resolves with all the damage that it finds; rejects with
 * `LOG_NOT_FOUND`, `LOG_UNSUPPORTED_VERSION`, `LOG_IO`, `LOG_INVALID_ARGUMENT` or the signal's reason.
 */
export async function verifyLog(
  directory: string,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  checkKeys("options", options, ["fileSystem", "signal", "onProgress"]);
  const absolute = checkDirectory(directory);
  checkWatch(options);
  const fileSystem = resolveFileSystem(options.fileSystem);
  for (let attempt = 1; ; attempt++) {
    const startMs = performance.now();
    const manifest = manifestOf(fileSystem, absolute);
    if (!("generation" in manifest)) return onlyManifest(manifest, performance.now() - startMs);
    try {
      const report = await verify(fileSystem, absolute, manifest, options);
      if (report.ok || attempt >= ATTEMPTS_MAX || stands(fileSystem, absolute, manifest)) {
        return { ...report, durationMs: performance.now() - startMs };
      }
    } catch (error) {
      if (attempt >= ATTEMPTS_MAX || stands(fileSystem, absolute, manifest)) throw error;
    }
  }
}

/** The manifest, or what is wrong with it. */
function manifestOf(fileSystem: FileSystem, directory: string): Manifest | Damage {
  try {
    const manifest = readManifest(fileSystem, directory);
    if (manifest !== undefined) return manifest;
  } catch (error) {
    return damageOf(error);
  }
  const entries = listEntries(fileSystem, directory);
  if (entries === undefined || ![...entries.keys()].some((name) => name.endsWith(".log")))
    throw notFound(directory);
  return {
    file: directory,
    position: undefined,
    offset: undefined,
    message: "the manifest is missing",
  };
}

function stands(fileSystem: FileSystem, directory: string, manifest: Manifest): boolean {
  const now = manifestOf(fileSystem, directory);
  return "generation" in now && now.generation === manifest.generation;
}

/** Without a manifest nothing else has a meaning: which segments are the log is unknown. */
function onlyManifest(damage: Damage, durationMs: number): VerifyReport {
  return {
    ok: false,
    damage: [damage],
    torn: undefined,
    staleIndexes: [],
    startOffset: 0,
    endOffset: 0,
    segments: 0,
    batches: 0,
    records: 0,
    bytes: 0,
    durationMs,
  };
}

async function verify(
  fileSystem: FileSystem,
  directory: string,
  manifest: Manifest,
  watch: Watch,
): Promise<VerifyReport> {
  const entries = listEntries(fileSystem, directory) ?? new Map();
  const atFault = [...filesAtFault(fileSystem, directory, manifest, entries)].map(damageOf);
  const examination = await examineLog(fileSystem, directory, manifest, watch);
  const { segments, tear } = examination;
  const inside = segments.flatMap(({ damage }) => damage);
  const damage = [
    ...atFault.filter(({ file }) => !inside.some((other) => other.file === file)),
    ...inside,
  ];
  const torn =
    tear === undefined ? undefined : segments.slice(-unsealedCount(manifest))[tear.segmentIndex];
  return {
    ok: damage.length === 0,
    damage,
    torn:
      tear === undefined || torn === undefined
        ? undefined
        : { file: torn.segment.path, position: tear.position, offset: tear.offset },
    staleIndexes: staleIndexes(fileSystem, directory, manifest, examination),
    startOffset: manifest.startOffset,
    endOffset: wholeEnd(manifest, examination),
    segments: segments.length,
    batches: segments.reduce((sum, { batches }) => sum + batches, 0),
    records: segments.reduce((sum, { records }) => sum + records, 0),
    bytes: segments.reduce((sum, { bytes }) => sum + bytes, 0),
    durationMs: 0,
  };
}

function unsealedCount(manifest: Manifest): number {
  return manifest.segments.filter(({ state }) => state !== "sealed").length;
}

/** Offset up to which everything is whole from the start on. */
export function wholeEnd(manifest: Manifest, { segments }: LogExamination): number {
  let end = manifest.startOffset;
  for (const { damage, whole } of segments) {
    end = Math.max(end, whole.offset);
    if (damage.length > 0) return end;
  }
  return end;
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
