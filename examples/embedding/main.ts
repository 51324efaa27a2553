// The whole of an embedding: open a database in a directory, write, read, look back, close.

import { strict as assert } from "node:assert";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Database } from "@tidemark/kv";

const directory = await mkdtemp(join(tmpdir(), "tidemark-embedding-"));
const database = await Database.open<number>(join(directory, "stock"));

const first = await database.put("apples", 5);
await database.batch([
  { type: "put", key: "apples", value: 3 },
  { type: "put", key: "pears", value: 8 },
]);
console.log("now: ", Object.fromEntries(database.entries()));

const then = await database.at({ offset: first });
console.log("then:", Object.fromEntries(then.entries()));

assert.deepEqual(
  [...database.entries()],
  [
    ["apples", 3],
    ["pears", 8],
  ],
);
assert.deepEqual([...then.entries()], [["apples", 5]]);
await database.close();
await rm(directory, { recursive: true });
