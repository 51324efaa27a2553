// RocksDB as its own db_bench measures it: in C++, with keys and values of the same lengths, compression off.

import { spawnSync } from "node:child_process";
import { KEY_BYTES, VALUE_BYTES } from "../material.js";
import { type Place, type System, verify } from "../scenario.js";

export function rocksdbMissing(): string | undefined {
  const { error } = spawnSync("db_bench", ["--help"]);
  return error === undefined ? undefined : "db_bench is not installed";
}

/** Runs benchmarks on the database in a directory; returns what it prints. */
function dbBench({ directory }: Place, benchmarks: string, settings: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(
    "db_bench",
    [
      `--db=${directory}`,
      `--benchmarks=${benchmarks}`,
      `--key_size=${KEY_BYTES}`,
      `--value_size=${VALUE_BYTES}`,
      "--compression_type=none",
      ...settings,
    ],
    { encoding: "utf8", maxBuffer: 64 * 2 ** 20 },
  );
  verify(status === 0, `db_bench ends with ${status}: ${stderr}`);
  return stdout;
}

function perSecond(output: string, benchmark: string): number {
  const found = new RegExp(`^${benchmark} .*?([\\d.]+) ops/sec`, "m").exec(output)?.[1];
  verify(found !== undefined, `db_bench printed no figure: ${output}`);
  return Number(found);
}

/** Durable writes by threads, `batchCount` keys to each; then looks for some of them. */
export function rocksdbWriting(key: string, threads: number, batchCount = 1): System {
  return {
    missing: rocksdbMissing,
    async measure(place) {
      const perThread = Math.ceil((place.quick ? 1000 : 16_000) / Math.sqrt(threads)) * batchCount;
      const keys = `--num=${batchCount === 1 ? perThread : Math.min(perThread, 1_000_000)}`;
      const writing = [keys, "--sync=1", `--threads=${threads}`, `--batch_size=${batchCount}`];
      const output = dbBench(place, "fillseq", writing);
      const reading = [keys, "--use_existing_db=1", "--reads=1000", "--threads=1"];
      verify(dbBench(place, "readrandom", reading).includes("(1000 of 1000 found)"), "RocksDB");
      return { [key]: perSecond(output, "fillseq") };
    },
  };
}
