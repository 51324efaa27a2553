import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { crc32 } from "../../src/checksum.js";

/** The definition, bit by bit. */
function crc32ByDefinition(bytes: Uint8Array): number {
  let remainder = 0xffffffff;
  for (const byte of bytes) {
    remainder ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1;
    }
  }
  return ~remainder >>> 0;
}

test("matches the check value of CRC-32 (IEEE)", () => {
  expect(crc32(Buffer.from("123456789"))).toBe(0xcbf43926);
  expect(crc32(new Uint8Array(0))).toBe(0);
  expect(crc32(new Uint8Array(0), 0xdeadbeef)).toBe(0xdeadbeef);
});

test("agrees with the definition on both sides of the change of implementation", () => {
  const bytes = Uint8Array.from({ length: 1024 }, (_, index) => (index * 167 + 13) & 0xff);
  for (let length = 0; length <= bytes.length; length++) {
    const part = bytes.subarray(0, length);
    expect(crc32(part)).toBe(crc32ByDefinition(part));
  }
});

test("goes on from a seed as if the parts were one", () => {
  const part = fc.uint8Array({ maxLength: 1000 });
  fc.assert(
    fc.property(part, part, (first, second) => {
      const whole = Uint8Array.from([...first, ...second]);
      expect(crc32(second, crc32(first))).toBe(crc32(whole));
    }),
  );
});

test("goes on from a seed in long inputs too", () => {
  const bytes = Uint8Array.from({ length: 4096 }, (_, index) => (index * 31 + 7) & 0xff);
  for (const at of [0, 1, 383, 384, 385, 2048, 4095]) {
    const [first, second] = [bytes.subarray(0, at), bytes.subarray(at)];
    expect(crc32(second, crc32(first))).toBe(crc32ByDefinition(bytes));
  }
});

test("is unsigned whatever the length and the seed", () => {
  const seed = fc.integer({ min: 0, max: 0xffffffff });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), seed, (bytes, from) => {
      const checksum = crc32(bytes, from);
      expect(Number.isInteger(checksum) && checksum >= 0 && checksum <= 0xffffffff).toBe(true);
    }),
  );
});

test("is the same where Node.js has no crc32 of its own, as in 22.0 and 22.1", async () => {
  vi.resetModules();
  vi.doMock("node:zlib", async (original) => ({ ...(await original<object>()), crc32: undefined }));
  const { crc32: without } = await import("../../src/checksum.js");
  vi.doUnmock("node:zlib");
  expect(without).not.toBe(crc32);
  const bytes = Uint8Array.from({ length: 5000 }, (_, index) => (index * 31) % 256);
  for (const length of [0, 1, 383, 384, 385, 5000]) {
    const part = bytes.subarray(0, length);
    expect(without(part, 7)).toBe(crc32(part, 7));
  }
});
