// Replies of Redis (RESP2), as far as the commands used here have them.

export type Reply = string | number | Buffer | null | Error;

/** The reply that begins at `at`, and where it ends; undefined while it is not all there. */
export function parseReply(bytes: Buffer, at: number): { reply: Reply; end: number } | undefined {
  const lineEnd = bytes.indexOf("\r\n", at);
  if (lineEnd === -1) return undefined;
  const line = bytes.toString("latin1", at + 1, lineEnd);
  const end = lineEnd + 2;
  switch (bytes[at]) {
    case 0x2b: // +
      return { reply: line, end };
    case 0x2d: // -
      return { reply: new Error(`Redis: ${line}`), end };
    case 0x3a: // :
      return { reply: Number(line), end };
    case 0x24: // $
      return parseBulk(bytes, end, Number(line));
    default:
      throw new Error(`Redis: a reply that is not known: ${line}`);
  }
}

function parseBulk(bytes: Buffer, start: number, length: number) {
  if (length === -1) return { reply: null, end: start };
  const end = start + length + 2;
  if (bytes.length < end) return undefined;
  return { reply: Buffer.from(bytes.subarray(start, start + length)), end };
}
