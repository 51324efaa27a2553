// Moves amounts between accounts in batches until its standard input ends; says the offset of each that is acknowledged.

import { Database } from "@tidemark/kv";

const ACCOUNTS = 50;
const directory = process.argv[2] ?? "";

/** @type {Database<number>} */
const database = await Database.open(directory, {
  log: { segmentBytes: 64 * 1024, noteAfterMs: 5 },
  checkpointBytes: 40_000,
  history: { maxBytes: 100_000 },
});
/** @param {number} n */
const name = (n) => `account${String(n).padStart(3, "0")}`;
if (!database.has("moves")) {
  await database.transaction((tx) => {
    for (let n = 0; n < ACCOUNTS; n++) tx.put(name(n), 100);
    tx.put("moves", 0);
  });
}
let ended = false;
process.stdin.on("end", () => {
  ended = true;
});
process.stdin.resume();
while (!ended) {
  const { offset } = await database.transaction((tx) => {
    const moves = tx.get("moves") ?? 0;
    for (let i = 0; i < 20; i++) {
      const from = name((moves * 7 + i) % ACCOUNTS);
      const to = name((moves * 13 + i * 3 + 1) % ACCOUNTS);
      tx.put(from, (tx.get(from) ?? 0) - 5);
      tx.put(to, (tx.get(to) ?? 0) + 5);
    }
    tx.put("moves", moves + 1);
  });
  process.stdout.write(`${offset}\n`);
}
await database.close();
