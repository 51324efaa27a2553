// Looking at a disk in every other way than by opening it for writing: what verifying and reading say of it must
// agree with what opening shows, and opening must take no byte away without a word.

import { Log, type RecoveryReport, type VerifyReport, verifyLog } from "@tidemark/wal";
import type { SimulatedDisk } from "@tidemark/wal/testing";
import type { Shown } from "./model.js";
import { DIRECTORY } from "./program.js";
import { isLockInDoubt, LATE, type Refusal, refusalOf, show } from "./show.js";

/** What a disk shows to those who only read. */
export class Audit {
  readonly #disk: SimulatedDisk;
  readonly #verified: VerifyReport | "unsupported" | undefined;
  readonly #read: Shown | Refusal | undefined;
  /** A reader cannot tell whether a writer is at work, and shows only what is proved durable. */
  readonly #inDoubt: boolean;
  readonly #stores: ReadonlyMap<string, Uint8Array>;

  private constructor(
    disk: SimulatedDisk,
    verified: VerifyReport | "unsupported" | undefined,
    read: Shown | Refusal | undefined,
    inDoubt: boolean,
  ) {
    this.#disk = disk;
    this.#verified = verified;
    this.#read = read;
    this.#inDoubt = inDoubt;
    this.#stores = new Map(
      disk
        .paths()
        .filter((path) => path.endsWith(".log"))
        .map((path) => [path, bytesOf(disk, path)]),
    );
  }

  static async of(disk: SimulatedDisk): Promise<Audit> {
    const copy = disk.fork();
    // Without a manifest there is nothing to verify or read, and opening makes it.
    const made = copy.paths().includes(`${DIRECTORY}/MANIFEST`);
    const { digest } = copy;
    const verified = made ? await verify(copy) : undefined;
    const read = made ? await readOnly(copy) : undefined;
    if (copy.digest !== digest) throw new Error("verifying or reading changed the disk");
    return new Audit(disk, verified, read, isLockInDoubt(copy));
  }

  /** Throws where opening, which refused, does not agree. */
  checkRefused({ refused, message }: Refusal): void {
    // Of what cannot be read the others may have no need.
    if (LATE.has(refused)) return;
    if (this.#verified !== "unsupported" && this.#verified?.ok === true)
      throw new Error(`verifying finds nothing, and opening refuses: ${message}`);
    if (this.#read !== undefined && !("refused" in this.#read) && !this.#inDoubt)
      throw new Error(`a reader finds nothing, and opening refuses: ${message}`);
  }

  /** Throws where opening, which showed this, does not agree. */
  checkOpened(shown: Shown, recovery: RecoveryReport): void {
    this.#checkVerified(shown, recovery);
    if (this.#read !== undefined) {
      if ("refused" in this.#read)
        throw new Error(`a reader is refused, and opening is not: ${this.#read.message}`);
      const [read, opened] = [this.#read, shown].map(rangeOf);
      if (read !== opened && !this.#inDoubt)
        throw new Error(`a reader shows ${read}, and opening ${opened}`);
    }
    for (const [path, bytes] of this.#stores) this.#checkStore(path, bytes, recovery);
  }

  #checkVerified(shown: Shown, { torn }: RecoveryReport): void {
    const verified = this.#verified;
    if (verified === undefined) return;
    if (verified === "unsupported") throw new Error("opens, and verifying knows no such version");
    const { ok, damage, startOffset, endOffset } = verified;
    if (!ok) throw new Error(`opens, and verifying finds ${JSON.stringify(damage)}`);
    const [found, opened] = [rangeOf({ startOffset, endOffset }), rangeOf(shown)];
    if (found !== opened) throw new Error(`verifying finds ${found}, and opening shows ${opened}`);
    if (verified.torn?.offset !== torn?.offset)
      throw new Error(`torn at ${verified.torn?.offset} when verified, opened at ${torn?.offset}`);
  }

  /** What a store held before opening is there afterwards, or set aside and reported. */
  #checkStore(path: string, before: Uint8Array, { removed, torn }: RecoveryReport): void {
    const disk = this.#disk;
    if (removed.some((name) => path === `${DIRECTORY}/${name}`)) return;
    if (!disk.paths().includes(path)) throw new Error(`${path} is gone without a word`);
    const after = bytesOf(disk, path);
    const cut = torn?.trimmed.find(({ file }) => file === path);
    const left = before.subarray(0, cut?.position ?? before.length);
    if (Buffer.compare(withoutZeros(left), after) !== 0)
      throw new Error(`${path} holds ${after.length} bytes of ${before.length} after opening`);
    if (cut?.quarantine === undefined) return;
    const aside = disk.bytesOf(cut.quarantine.file);
    if (Buffer.compare(before.subarray(cut.position), withoutZeros(aside)) !== 0)
      throw new Error(`${cut.quarantine.file} does not hold what was cut off ${path}`);
  }
}

/** Undefined where something cannot be read; a bit of a version that flipped looks like a later one. */
async function verify(disk: SimulatedDisk): Promise<VerifyReport | "unsupported" | undefined> {
  try {
    return await verifyLog(DIRECTORY, { fileSystem: disk });
  } catch (error) {
    const { refused } = refusalOf(error);
    if (refused === "LOG_CORRUPT") throw error;
    return LATE.has(refused) ? undefined : "unsupported";
  }
}

async function readOnly(disk: SimulatedDisk): Promise<Shown | Refusal> {
  try {
    const log = await Log.open(DIRECTORY, { readOnly: true, fileSystem: disk });
    const shown = show(log);
    await log.close();
    return shown;
  } catch (error) {
    return refusalOf(error);
  }
}

function rangeOf({ startOffset, endOffset }: Pick<Shown, "startOffset" | "endOffset">): string {
  return `${startOffset} to ${endOffset}`;
}

function bytesOf(disk: SimulatedDisk, path: string): Uint8Array {
  return withoutZeros(disk.bytesOf(path));
}

function withoutZeros(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(0, bytes.findLastIndex((byte) => byte !== 0) + 1);
}
