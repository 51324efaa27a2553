// The file DATABASE, which makes a directory a database and says what its keys are. Written once, before
// anything else. Documented in docs/format-database.md, "DATABASE".

import { crc32 } from "@tidemark/wal";
import type { KeyKind } from "../arguments/keys.js";

export const IDENTITY_LENGTH = 64;

const MAGIC = "TIDEMKDB";
const VERSION = 1;
const CHECKSUM_AT = 60;

/** Numbers of the kinds of keys in all files of a database. */
const keyKinds: readonly (KeyKind | undefined)[] = [undefined, "string", "bytes"];

export interface Identity {
  readonly keys: KeyKind;
  /** ms since the Unix epoch. */
  readonly createdAt: number;
}

export type IdentityVerdict =
  | { readonly verdict: "valid"; readonly identity: Identity }
  | { readonly verdict: "unsupported"; readonly reason: string }
  | { readonly verdict: "invalid"; readonly reason: string; readonly position: number };

export function keyKindNumber(keys: KeyKind): number {
  return keyKinds.indexOf(keys);
}

/** Undefined for a number that stands for none. */
export function keyKindOf(number: number): KeyKind | undefined {
  return keyKinds[number];
}

export function encodeIdentity({ keys, createdAt }: Identity): Uint8Array {
  const bytes = Buffer.alloc(IDENTITY_LENGTH);
  bytes.write(MAGIC, 0, "latin1");
  bytes.writeUInt32LE(VERSION, 8);
  bytes.writeUInt32LE(keyKindNumber(keys), 12);
  bytes.writeBigUInt64LE(BigInt(createdAt), 16);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, CHECKSUM_AT)), CHECKSUM_AT);
  return bytes;
}

export function decodeIdentity(given: Uint8Array): IdentityVerdict {
  const bytes = Buffer.from(given.buffer, given.byteOffset, given.byteLength);
  if (bytes.length !== IDENTITY_LENGTH) return invalid(`${bytes.length} bytes, not 64`, 0);
  if (bytes.toString("latin1", 0, 8) !== MAGIC) return invalid("other magic bytes", 0);
  if (bytes.readUInt32LE(CHECKSUM_AT) !== crc32(bytes.subarray(0, CHECKSUM_AT))) {
    return invalid("wrong checksum", CHECKSUM_AT);
  }
  const version = bytes.readUInt32LE(8);
  const keys = keyKindOf(bytes.readUInt32LE(12));
  const reserved = bytes.subarray(24, CHECKSUM_AT).some((byte) => byte !== 0);
  if (version !== VERSION || keys === undefined || reserved) {
    return { verdict: "unsupported", reason: `database format ${version} is not known here` };
  }
  const createdAt = Number(bytes.readBigUInt64LE(16));
  if (!Number.isSafeInteger(createdAt)) return invalid("creation time above 2^53", 16);
  return { verdict: "valid", identity: { keys, createdAt } };
}

function invalid(reason: string, position: number): IdentityVerdict {
  return { verdict: "invalid", reason, position };
}
