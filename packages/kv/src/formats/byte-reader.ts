// Reads what a ByteWriter wrote, and bounds every length by the bytes that are there.
// Invariant: nothing beyond `end` is read; bytes that cannot be right throw Malformed, which the decoder
// of a whole structure turns into its verdict.

/** Bytes that no writer of ours made. */
export class Malformed extends Error {
  /** Where in the bytes. */
  readonly position: number;

  constructor(reason: string, position: number) {
    super(reason);
    this.position = position;
  }
}

export class ByteReader {
  readonly bytes: Buffer;
  position: number;
  readonly end: number;

  constructor(bytes: Uint8Array, position = 0, end = bytes.length) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.position = position;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.position;
  }

  /** Where `count` bytes begin, having stepped over them. */
  take(count: number): number {
    const at = this.position;
    if (count > this.end - at) throw this.malformed(`${count} bytes wanted, ${this.end - at} left`);
    this.position = at + count;
    return at;
  }

  u8(): number {
    return this.bytes[this.take(1)] as number;
  }

  u32(): number {
    return this.bytes.readUInt32LE(this.take(4));
  }

  /** An integer up to 2^53 − 1. */
  u64(): number {
    const at = this.take(8);
    const value = this.bytes.readUInt32LE(at) + this.bytes.readUInt32LE(at + 4) * 0x100000000;
    if (!Number.isSafeInteger(value)) throw new Malformed("integer above 2^53 - 1", at);
    return value;
  }

  /** An integer up to 2^32 − 1, in its shortest form only. */
  varint(): number {
    const start = this.position;
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (byte === 0 && scale > 1) throw new Malformed("varint longer than it has to be", start);
        if (value > 0xffffffff) throw new Malformed("varint above 2^32 - 1", start);
        return value;
      }
      if (scale > 2 ** 28) throw new Malformed("varint longer than 5 bytes", start);
    }
  }

  latin1(length: number): string {
    const at = this.take(length);
    return this.bytes.toString("latin1", at, at + length);
  }

  malformed(reason: string): Malformed {
    return new Malformed(reason, this.position);
  }
}
