// Writes to a database while every subscriber of every channel throws; says how often one did.

import { Database, databaseChannels } from "@tidemark/kv";
import { logChannels } from "@tidemark/wal";

let thrown = 0;
process.on("uncaughtException", (error) => {
  if (error.message !== "a subscriber") throw error;
  thrown += 1;
});
for (const channel of [...Object.values(logChannels), ...Object.values(databaseChannels)]) {
  channel.subscribe(() => {
    throw new Error("a subscriber");
  });
}
const database = await Database.open(process.argv[2] ?? "", {
  log: { segmentBytes: 4096 },
  history: { maxBytes: 0 },
});
for (let i = 0; i < 60; i++) {
  await database.put(`key${i}`, "x".repeat(300));
  if (i % 20 === 19) await database.checkpoint();
}
await database.close();
console.log(thrown);
