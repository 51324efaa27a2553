// What a manifest says, and the rules that every one keeps, whether about to be written or just read: the
// pair of assertions around the file. A rule here is one of the format: docs/format.md, "Manifest".

import { isLogId, isU32, isU53 } from "./fields.js";
import { SEGMENT_HEADER_LENGTH } from "./segment-header.js";

/** The states of a segment, in the order that they take in a manifest, by their number on disk. */
export const SEGMENT_STATES = ["sealed", "unsealed", "prepared"] as const;

/** A segment as the manifest has it. */
export interface ManifestSegment {
  /** From 1; never used twice in a log. */
  readonly id: number;
  /** As in the segment's header. */
  readonly marker: number;
  readonly state: (typeof SEGMENT_STATES)[number];
  /** Offset of the first record; 0 while prepared. */
  readonly baseOffset: number;
  /** Exclusive; 0 unless sealed. */
  readonly endOffset: number;
  /** Bytes of the store; 0 unless sealed. */
  readonly size: number;
  /** Checksum of the header of the last batch, 0 without one; 0 unless sealed. */
  readonly lastChecksum: number;
}

/** A place below which all was on stable storage when the manifest was written. */
export interface Floor {
  /** 0: no segment yet. */
  readonly segmentId: number;
  readonly offset: number;
  /** Byte position of `offset` in the segment. */
  readonly position: number;
  /** Checksum of the header of the batch before, 0 without one. */
  readonly checksum: number;
}

/** The state of a log's directory. */
export interface Manifest {
  /** A UUID in lower case. */
  readonly logId: string;
  /** Of a restored log: which log it came from, and the offset up to which they are the same. */
  readonly ancestry: { readonly logId: string; readonly offset: number } | undefined;
  /** Goes up by one at each replacement. */
  readonly generation: number;
  /** Goes up by one at each truncation of the log's end. */
  readonly truncationGeneration: number;
  /** The offset that the latest truncation of the end was given; 0 if there was none. */
  readonly truncatedFrom: number;
  readonly startOffset: number;
  /** Above the id of every segment that ever was. */
  readonly nextSegmentId: number;
  readonly floor: Floor;
  /** In the order of ids, which is that of offsets. */
  readonly segments: readonly ManifestSegment[];
  /** Ids of segments whose files may be removed. */
  readonly dropping: readonly number[];
}

/** The first rule that the manifest breaks, in words; undefined if it keeps them all. */
export function contradictionIn(manifest: Manifest): string | undefined {
  return (
    numberOutOfRange(manifest) ??
    ruleOfSegments(manifest) ??
    ruleOfStart(manifest) ??
    ruleOfFloor(manifest) ??
    ruleOfDropping(manifest)
  );
}

function numberOutOfRange(manifest: Manifest): string | undefined {
  const { ancestry, floor, nextSegmentId } = manifest;
  if (!isLogId(manifest.logId)) return "a log id that is no UUID";
  if (ancestry !== undefined && !isLogId(ancestry.logId)) return "an ancestor's id that is no UUID";
  if (ancestry !== undefined && !isU53(ancestry.offset)) return "an ancestor's offset out of range";
  if (!isU53(manifest.generation)) return "a generation out of range";
  if (!isU53(manifest.truncationGeneration)) return "a truncation generation out of range";
  if (!isU53(manifest.truncatedFrom)) return "an offset of the latest truncation out of range";
  if (!isU53(manifest.startOffset)) return "a start offset out of range";
  if (!isU32(nextSegmentId) || nextSegmentId === 0) return "a next segment id out of range";
  if (!isU53(floor.offset) || !isU53(floor.position)) return "a floor out of range";
  if (!isU32(floor.segmentId) || !isU32(floor.checksum)) return "a floor out of range";
  return undefined;
}

function ruleOfSegments({ segments, nextSegmentId }: Manifest): string | undefined {
  let before: ManifestSegment | undefined;
  for (const segment of segments) {
    const reason = ruleOfSegment(segment) ?? ruleOfNeighbours(before, segment);
    if (reason !== undefined) return `segment ${segment.id}: ${reason}`;
    before = segment;
  }
  if (before !== undefined && before.id >= nextSegmentId) return "a next segment id already in use";
  return undefined;
}

function ruleOfSegment(segment: ManifestSegment): string | undefined {
  const { state, baseOffset, endOffset, size, lastChecksum } = segment;
  if (!isU32(segment.id) || segment.id === 0) return "id out of range";
  if (!isU32(segment.marker) || segment.marker === 0) return "marker out of range";
  if (!isU53(baseOffset) || !isU53(endOffset)) return "offsets out of range";
  if (!isU53(size) || !isU32(lastChecksum)) return "size or checksum out of range";
  if (state === "sealed") {
    if (endOffset < baseOffset) return "ends before it begins";
    return size < SEGMENT_HEADER_LENGTH ? "smaller than its header" : undefined;
  }
  if (endOffset !== 0 || size !== 0 || lastChecksum !== 0) return "an end before it is sealed";
  if (state === "prepared" && baseOffset !== 0) return "a base offset before it is in use";
  return undefined;
}

function ruleOfNeighbours(
  before: ManifestSegment | undefined,
  segment: ManifestSegment,
): string | undefined {
  if (before === undefined) return undefined;
  if (segment.id <= before.id) return "ids do not ascend";
  const order = SEGMENT_STATES.indexOf(segment.state) - SEGMENT_STATES.indexOf(before.state);
  if (order < 0) return `${segment.state} after ${before.state}`;
  if (segment.state === "prepared") {
    return before.state === "prepared" ? "a second prepared segment" : undefined;
  }
  if (before.state === "sealed") {
    return segment.baseOffset === before.endOffset ? undefined : "a gap or overlap before it";
  }
  return segment.baseOffset < before.baseOffset ? "begins before the one before it" : undefined;
}

function ruleOfStart({ segments, startOffset }: Manifest): string | undefined {
  const first = segments[0];
  if (first === undefined || first.state === "prepared") return undefined;
  if (startOffset < first.baseOffset) return "a start offset below the first segment";
  const beyond = first.state === "sealed" && startOffset > first.endOffset;
  return beyond ? "a start offset above the first segment" : undefined;
}

function ruleOfFloor({ segments, startOffset, floor }: Manifest): string | undefined {
  if (floor.offset < startOffset) return "a floor below the start offset";
  if (floor.segmentId === 0) {
    const placed = floor.position !== 0 || floor.checksum !== 0;
    return placed ? "a floor's place without its segment" : undefined;
  }
  const segment = segments.find(({ id }) => id === floor.segmentId);
  if (segment === undefined) return "a floor in an unknown segment";
  if (segment.state === "prepared") return "a floor in a prepared segment";
  if (floor.offset < segment.baseOffset) return "a floor before its segment";
  if (floor.position < SEGMENT_HEADER_LENGTH) return "a floor inside a segment's header";
  if (segment.state === "unsealed") return undefined;
  const beyond = floor.offset > segment.endOffset || floor.position > segment.size;
  return beyond ? "a floor after its segment" : undefined;
}

function ruleOfDropping({ segments, dropping, nextSegmentId }: Manifest): string | undefined {
  const known = new Set(segments.map(({ id }) => id));
  for (const id of dropping) {
    if (!isU32(id) || id === 0 || id >= nextSegmentId) return "an id being dropped out of range";
    // Added as it is met, so that a second mention shows as well.
    if (known.has(id)) return "an id being dropped that is in use or named twice";
    known.add(id);
  }
  return undefined;
}
