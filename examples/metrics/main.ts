// What a database does and how it is, as text for Prometheus: counted from its channels, read from its stats, and served on the loopback.

import { strict as assert } from "node:assert";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Database, databaseChannels } from "@tidemark/kv";
import { logChannels } from "@tidemark/wal";

/** Upper bounds of the histogram's buckets, in seconds. */
const BOUNDS = [0.0001, 0.001, 0.01, 0.1, 1];

class Metrics {
  readonly #buckets = BOUNDS.map(() => 0);
  #commits = 0;
  #seconds = 0;
  #records = 0;
  #checkpoints = 0;
  #failures = 0;

  constructor() {
    logChannels["tidemark:log:commit"].subscribe(({ records, durationMs }) => {
      this.#commits += 1;
      this.#records += records;
      this.#seconds += durationMs / 1000;
      for (const [i, bound] of BOUNDS.entries()) {
        if (durationMs / 1000 <= bound) this.#buckets[i] = (this.#buckets[i] ?? 0) + 1;
      }
    });
    databaseChannels["tidemark:database:checkpoint"].subscribe(({ error }) => {
      if (error === undefined) this.#checkpoints += 1;
    });
    logChannels["tidemark:log:failure"].subscribe(() => {
      this.#failures += 1;
    });
  }

  /** In the text format 0.0.4. */
  text(database: Database): string {
    const { entries, pendingCommits, log } = database.stats();
    const name = "tidemark_commit_duration_seconds";
    const buckets = BOUNDS.map((le, i) => `${name}_bucket{le="${le}"} ${this.#buckets[i]}`);
    return [
      `# TYPE ${name} histogram`,
      ...buckets,
      `${name}_bucket{le="+Inf"} ${this.#commits}`,
      `${name}_sum ${this.#seconds}`,
      `${name}_count ${this.#commits}`,
      ...metric("counter", "tidemark_records_total", this.#records),
      ...metric("counter", "tidemark_checkpoints_total", this.#checkpoints),
      ...metric("counter", "tidemark_failures_total", this.#failures),
      ...metric("gauge", "tidemark_entries", entries),
      ...metric("gauge", "tidemark_pending_commits", pendingCommits),
      ...metric("gauge", "tidemark_store_bytes", log.storeBytes),
      "",
    ].join("\n");
  }
}

function metric(type: "counter" | "gauge", name: string, value: number): string[] {
  return [`# TYPE ${name} ${type}`, `${name} ${value}`];
}

const directory = await mkdtemp(join(tmpdir(), "tidemark-metrics-"));
const metrics = new Metrics();
const database = await Database.open(join(directory, "database"));
const server = createServer((_, response) => {
  response.setHeader("content-type", "text/plain; version=0.0.4").end(metrics.text(database));
});
server.listen(0, "127.0.0.1");
await once(server, "listening");

for (let round = 0; round < 5; round++) {
  await Promise.all(
    Array.from({ length: 10 }, (_, i) => database.put(`${round}/${i}`, "some value")),
  );
}
await database.checkpoint();

const address = server.address();
assert(typeof address === "object" && address !== null);
const text = await (await fetch(`http://127.0.0.1:${address.port}/metrics`)).text();
console.log(text.trimEnd());
assert.match(text, /^tidemark_records_total 50$/m);

server.closeAllConnections();
server.close();
await database.close();
await rm(directory, { recursive: true });
