// The structures of a log, raw, as `dump` prints them: batches, or all headers.

import { basename } from "node:path";
import { type LogHeader, type Manifest, readHeaders } from "@tidemark/wal";
import { showCount } from "./amounts.js";
import { asCommands } from "./damage.js";
import { type ExitCode, exitCode } from "./exit-codes.js";
import type { Run } from "./run.js";
import type { Span } from "./span.js";
import { showTime } from "./times.js";

/** A line for each batch that has records of these offsets, and for what cannot be read. */
export async function printBatches(run: Run, directory: string, span: Span): Promise<ExitCode> {
  return await printEach(run, directory, span, (header) => {
    if (header.kind === "batch") return [showBatch(header)];
    return header.kind === "unreadable" ? [showUnreadable(run, header)] : [];
  });
}

/** The manifest, each segment's header and each batch's. */
export async function printHeaders(run: Run, directory: string, span: Span): Promise<ExitCode> {
  return await printEach(run, directory, span, (header) => {
    switch (header.kind) {
      case "manifest":
        return showManifest(header.manifest);
      case "segment":
        return [showSegment(header)];
      case "batch":
        return [showBatchHeader(header)];
      case "unreadable":
        return [showUnreadable(run, header)];
    }
  });
}

async function printEach(
  run: Run,
  directory: string,
  { from, to }: Span,
  show: (header: LogHeader) => readonly string[],
): Promise<ExitCode> {
  const damage = new DamageSeen();
  for await (const header of readHeaders(directory, { from, signal: run.signal })) {
    damage.note(header);
    if (header.kind === "batch") {
      const { firstOffset, count } = header.header;
      if (firstOffset >= to) break;
      if (firstOffset + count <= from && from > 0) continue;
    }
    const lines = show(header);
    if (!run.json) for (const line of lines) await run.out.line(line);
    else if (lines.length > 0) await run.out.json(header);
  }
  return damage.isCertain ? exitCode.damage : exitCode.fine;
}

/** What cannot be read at the log's end may be torn, or be written at this moment; before something else it is damage. */
class DamageSeen {
  isCertain = false;
  #isOpen = false;

  note({ kind }: LogHeader): void {
    if (kind === "unreadable") this.#isOpen = true;
    else if (this.#isOpen && kind !== "segment") this.isCertain = true;
  }
}

type HeaderOf<Kind extends LogHeader["kind"]> = Extract<LogHeader, { readonly kind: Kind }>;

function place({ file, position }: HeaderOf<"batch"> | HeaderOf<"unreadable">): string {
  return `${basename(file)} ${String(position).padStart(10)}`;
}

function showBatch(batch: HeaderOf<"batch">): string {
  const { firstOffset, count, time, durableOffset } = batch.header;
  const last = firstOffset + count - 1;
  const what =
    count === 0
      ? "note"
      : `${count === 1 ? `offset ${firstOffset}` : `offsets ${firstOffset} to ${last}`}, ${showCount(count, "records")}`;
  return `${place(batch)}  ${showTime(time)}  ${what}, ${batch.size} bytes, durable below ${durableOffset}`;
}

function showBatchHeader(batch: HeaderOf<"batch">): string {
  const { firstOffset, count, time, durableOffset, bodyLength, ...sums } = batch.header;
  const fields = {
    firstOffset,
    count,
    time,
    durableOffset,
    bodyLength,
    checksum: hex(sums.checksum),
    bodyChecksum: hex(sums.bodyChecksum),
  };
  return `${place(batch)}  batch ${showFields(fields)}`;
}

function showSegment({ file, state, header }: HeaderOf<"segment">): string {
  const { id, logId, createdAt, marker } = header;
  return `${basename(file)} ${"0".padStart(10)}  segment ${showFields({ id, state, logId, createdAt, marker: hex(marker) })}`;
}

function showManifest({ segments, floor, ancestry, dropping, ...fields }: Manifest): string[] {
  const name = `MANIFEST${" ".repeat(15)}`;
  const lines = [
    `${name}  manifest ${showFields({ ...fields, dropping: dropping.join(",") || "none" })}`,
  ];
  if (ancestry !== undefined) lines.push(`${name}  ancestry ${showFields({ ...ancestry })}`);
  lines.push(`${name}  floor ${showFields({ ...floor, checksum: hex(floor.checksum) })}`);
  for (const { marker, lastChecksum, ...segment } of segments) {
    const sums = { marker: hex(marker), lastChecksum: hex(lastChecksum) };
    lines.push(`${name}  segment ${showFields({ ...segment, ...sums })}`);
  }
  return lines;
}

function showFields(fields: Readonly<Record<string, string | number>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}

function hex(checksum: number): string {
  return `0x${checksum.toString(16).padStart(8, "0")}`;
}

function showUnreadable(run: Run, unreadable: HeaderOf<"unreadable">): string {
  const { position, end, message } = unreadable;
  const length = end > position ? `${showCount(end - position, "bytes")}: ` : "";
  return run.style("red", `${place(unreadable)}  unreadable, ${length}${asCommands(message)}`);
}
