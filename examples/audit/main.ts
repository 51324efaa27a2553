// Who changed what, when, and what it was before: an audit trail that follows a database's changes. Whoever writes
// signs the commit; the trail keeps its place with what it has taken in, so it can stop and go on at any time, in a process
// of its own too, and misses nothing and tells nothing twice.

import { strict as assert } from "node:assert";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BatchOperation, Database } from "@tidemark/kv";
import { SIGNATURE, Trail } from "./trail.js";

const directory = await mkdtemp(join(tmpdir(), "tidemark-audit-"));
const prices = await Database.open<number | string>(join(directory, "prices"));

/** One commit, signed. */
async function change(who: string, ...operations: BatchOperation<number | string>[]) {
  await prices.batch([...operations, { type: "put", key: SIGNATURE, value: who }]);
}

await change(
  "Ann",
  { type: "put", key: "coffee", value: 2.8 },
  { type: "put", key: "tea", value: 2.2 },
);
await change("Ben", { type: "put", key: "coffee", value: 3.1 });

let trail = await Trail.open(join(directory, "trail"));
const first = await trail.catchUp(prices);
await trail.close();

// The shop goes on while nobody looks.
await change("Ann", { type: "put", key: "cocoa", value: 3.5 });
await change("Cid", { type: "del", key: "tea" }, { type: "put", key: "coffee", value: 2.9 });

trail = await Trail.open(join(directory, "trail"));
const second = await trail.catchUp(prices);
console.log(trail.lines().join("\n"));
console.log(
  `${first} commits taken in, then ${second} more; and now ${await trail.catchUp(prices)}`,
);

assert.deepEqual(trail.lines(), [
  "0 Ann: coffee new, 2.8",
  "0 Ann: tea new, 2.2",
  "1 Ben: coffee 2.8 -> 3.1",
  "2 Ann: cocoa new, 3.5",
  "3 Cid: coffee 3.1 -> 2.9",
  "3 Cid: tea 2.2 -> gone",
]);
await trail.close();
await prices.close();
await rm(directory, { recursive: true });
