// The unsealed end of a log, read batch by batch, and the verdict on where it stops: a torn tail, or damage to
// bytes that had been acknowledged. Decided by proof, as Pebble's WAL does and as the FAST '18 paper on
// protocol-aware recovery argues: a later header that states a durable offset above the bad batch, or the
// manifest's floor, proves that the batch had been acknowledged. Nothing here changes anything on disk.

import { LogError } from "./errors.js";
import type { Manifest } from "./manifest.js";
import { Pace } from "./pace.js";
import { headersIn, StoreScan } from "./scan.js";
import type { Segment } from "./segment.js";
import { SEGMENT_HEADER_LENGTH } from "./segment-header.js";

/** Batches that were never proved acknowledged and did not arrive whole. */
export interface Tear {
  /** Index in `segments` of the segment that is torn; those behind it are cut whole. */
  readonly segmentIndex: number;
  /** Position in it of the first bad batch. */
  readonly position: number;
  /** Offset that the bad batch would have had. */
  readonly offset: number;
  readonly reason: string;
}

export interface Tail {
  /** The unsealed segments in order, each reaching to its last whole batch. */
  readonly segments: readonly Segment[];
  readonly endOffset: number;
  /** Every record below it is proved to have been on stable storage. */
  readonly provenOffset: number;
  /** Time of the newest batch, 0 if there is none. */
  readonly lastTime: number;
  readonly tear: Tear | undefined;
}

/** Reads the unsealed segments, fresh from the manifest, to their end. Throws `LOG_CORRUPT` where damage is proved. */
export async function readTail(manifest: Manifest, segments: readonly Segment[]): Promise<Tail> {
  const pace = new Pace();
  const { floor } = manifest;
  let offset = segments[0]?.baseOffset ?? manifest.startOffset;
  let provenOffset = floor.offset;
  let lastTime = 0;
  let tear: Tear | undefined;
  for (const [segmentIndex, segment] of segments.entries()) {
    const limit = storeSize(segment, manifest);
    segment.begin(offset);
    const scan = new StoreScan(segment, segment.marker, {
      from: SEGMENT_HEADER_LENGTH,
      limit,
      offset,
      time: Math.max(segment.createdAt, lastTime),
    });
    for (let batch = scan.next(); batch !== undefined; batch = scan.next()) {
      segment.extend(batch.header);
      provenOffset = Math.max(provenOffset, batch.header.durableOffset);
      lastTime = batch.header.time;
      checkFloor(manifest, segment, batch.position);
      if (pace.due) await pace.rest();
    }
    offset = scan.offset;
    segment.zeroedTo = scan.stop?.kind === "zeros" ? limit : segment.size;
    if (scan.stop?.kind === "unsupported") throw scan.error(segment.path);
    if (scan.stop?.kind !== "bad") continue;
    const first = segmentIndex > 0 && scan.position === SEGMENT_HEADER_LENGTH;
    // A later segment's first batch may state a later offset only because what went before it was torn off.
    const gap = first && scan.stop.ahead === true;
    if (scan.stop.misplaced && !gap) throw scan.error(segment.path);
    tear = { segmentIndex, position: scan.position, offset, reason: scan.stop.reason };
    await refuseIfProved(segments, tear, scan.error(segment.path), pace);
    for (const later of segments.slice(segmentIndex + 1)) later.begin(offset);
    break;
  }
  // A note has no offset of its own: one that is lost shows in the position alone.
  const short = segments.some(({ id, size }) => id === floor.segmentId && size < floor.position);
  if (offset < floor.offset || short) throw belowFloor(manifest, segments, offset, tear);
  return { segments, endOffset: offset, provenOffset, lastTime, tear };
}

/** The store's size, which must reach at least to the floor. */
function storeSize(segment: Segment, { floor }: Manifest): number {
  const size = segment.file.sizeSync();
  const needed = floor.segmentId === segment.id ? floor.position : SEGMENT_HEADER_LENGTH;
  if (size >= needed) return size;
  throw new LogError("LOG_CORRUPT", "a store is shorter than what had been made durable in it", {
    file: segment.path,
    position: size,
    offset: segment.baseOffset,
    expected: needed,
    actual: size,
  });
}

/** The batch that ends at the floor must be the one that the manifest saw there. */
function checkFloor({ floor }: Manifest, segment: Segment, batchPosition: number): void {
  if (floor.segmentId !== segment.id) return;
  if (batchPosition >= floor.position || segment.size < floor.position) return;
  const same = segment.endOffset === floor.offset && segment.lastChecksum === floor.checksum;
  if (segment.size === floor.position && same) return;
  throw new LogError(
    "LOG_CORRUPT",
    "the batch before the floor is not the one that the manifest knows",
    {
      file: segment.path,
      position: floor.position,
      offset: floor.offset,
      expected: floor.checksum,
      actual: segment.lastChecksum,
    },
  );
}

async function refuseIfProved(
  segments: readonly Segment[],
  tear: Tear,
  damage: LogError,
  pace: Pace,
): Promise<void> {
  for (const [index, segment] of segments.entries()) {
    if (index < tear.segmentIndex) continue;
    const from = index === tear.segmentIndex ? tear.position : SEGMENT_HEADER_LENGTH;
    for (const { position, header } of headersIn(
      segment.file,
      segment.marker,
      from,
      segment.file.sizeSync(),
    )) {
      if (header.durableOffset > tear.offset) {
        throw new LogError(
          "LOG_CORRUPT",
          `${damage.message}; it had been acknowledged: the batch at position ${position} of ${segment.path} states that everything below offset ${header.durableOffset} was durable`,
          {
            file: segments[tear.segmentIndex]?.path ?? segment.path,
            position: tear.position,
            offset: tear.offset,
            ...(damage.expected === undefined ? {} : { expected: damage.expected }),
            ...(damage.actual === undefined ? {} : { actual: damage.actual }),
          },
        );
      }
      if (pace.due) await pace.rest();
    }
  }
}

function belowFloor(
  { floor }: Manifest,
  segments: readonly Segment[],
  offset: number,
  tear: Tear | undefined,
): LogError {
  const segment = segments[tear?.segmentIndex ?? segments.length - 1];
  return new LogError(
    "LOG_CORRUPT",
    `records that had been acknowledged are damaged or missing: ${tear?.reason ?? "zeros in their place"}`,
    {
      ...(segment === undefined
        ? {}
        : { file: segment.path, position: tear?.position ?? segment.size }),
      offset,
      expected: `records up to ${floor.offset - 1} at least`,
      actual: `records up to ${offset - 1}`,
    },
  );
}
