// Records of a log, as they are printed.

import type { LogRecord } from "@tidemark/wal";
import { escapeUnsafe, isSafe } from "./printable.js";
import type { Run } from "./run.js";
import { showTime } from "./times.js";
import { toNotation } from "./value-notation.js";

/** Bytes of a payload that a line shows; JSON has all. */
const SHOWN_BYTES = 256;

export async function printRecord(run: Run, { offset, time, payload }: LogRecord): Promise<void> {
  if (run.json) return await run.out.json({ offset, time, payload: toNotation(payload) });
  const where = run.style("dim", `${offset}  ${showTime(time)}`);
  await run.out.line(`${where}  ${payload.length} bytes  ${showPayload(payload)}`);
}

/** As text in quotes where it is text, or else as digits. */
function showPayload(payload: Uint8Array): string {
  const shown = payload.subarray(0, SHOWN_BYTES);
  const rest = payload.length > SHOWN_BYTES ? "…" : "";
  const text = textOf(shown);
  return (text === undefined ? Buffer.from(shown).toString("hex") : text) + rest;
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return isSafe(text) ? escapeUnsafe(JSON.stringify(text)) : undefined;
  } catch {
    return undefined;
  }
}
