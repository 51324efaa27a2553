// The file DATABASE.

import { crc32 } from "@tidemark/wal";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeIdentity, encodeIdentity } from "../src/formats/identity.js";
import { goldenBytes } from "./golden.js";

describe("DATABASE", () => {
  test("golden bytes", () => {
    const identity = { keys: "bytes", createdAt: 0x0102030405 } as const;
    expect(encodeIdentity(identity)).toEqual(goldenBytes("identity"));
    expect(decodeIdentity(goldenBytes("identity"))).toEqual({ verdict: "valid", identity });
  });

  test("reads back as it was written", () => {
    const identities = fc.record({
      keys: fc.constantFrom("string" as const, "bytes" as const),
      createdAt: fc.maxSafeNat(),
    });
    fc.assert(
      fc.property(identities, (identity) => {
        const decoded = decodeIdentity(encodeIdentity(identity));
        expect(decoded).toEqual({ verdict: "valid", identity });
      }),
    );
  });

  test("with any one bit changed, or of another length, is invalid", () => {
    const good = goldenBytes("identity");
    for (let bit = 0; bit < good.length * 8; bit++) {
      const bytes = Buffer.from(good);
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(decodeIdentity(bytes).verdict).toBe("invalid");
    }
    for (const bytes of [good.subarray(1), Buffer.concat([good, good]), Buffer.alloc(0)]) {
      expect(decodeIdentity(bytes).verdict).toBe("invalid");
    }
  });

  test.each<[string, number, number]>([
    ["a later version", 8, 2],
    ["another kind of keys", 12, 3],
    ["something in the reserved bytes", 24, 1],
  ])("with %s is an unsupported version", (_, at, value) => {
    const bytes = goldenBytes("identity");
    bytes[at] = value;
    bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60);
    expect(decodeIdentity(bytes).verdict).toBe("unsupported");
  });
});
