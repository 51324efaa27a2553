// A database that is written until the process is killed.

import { isDeepStrictEqual } from "node:util";
import { type BatchOperation, Database } from "@tidemark/kv";
import type { FileSystem } from "@tidemark/wal";
import type { Random } from "@tidemark/wal/testing";
import { Calls, type Standing } from "./calls.js";
import { digestOfSerials, serialsOf } from "./digest.js";
import { type Item, type KeyWrite, valueFor } from "./issue.js";
import type { Step, WriteJob } from "./job.js";
import type { Shown, Subject } from "./subject.js";

const KEYS = 150;

export class DatabaseSubject implements Subject {
  readonly shown: Shown;
  readonly takenOver: boolean;
  readonly #db: Database;
  readonly #calls: Calls;
  readonly #commits: boolean;

  private constructor(db: Database, calls: Calls, commits: boolean) {
    this.#db = db;
    this.#calls = calls;
    this.#commits = commits;
    this.takenOver = db.recovery.log.takenOver !== undefined;
    this.shown = { start: 0, end: db.endOffset, digest: digestOfSerials(serialsOf(db)) };
    const { skipped } = db.recovery;
    if (skipped.length > 0)
      throw new Error(`a kill left ${skipped[0]?.file}: ${skipped[0]?.reason}`);
    if (db.durableOffset !== db.endOffset)
      throw new Error(`opening shows up to ${db.endOffset}, durable to ${db.durableOffset}`);
  }

  static async open(job: WriteJob, fileSystem: FileSystem | undefined): Promise<DatabaseSubject> {
    const { durability, segmentBytes, noteAfterMs } = job.options;
    const log = { durability, segmentBytes, noteAfterMs };
    const db = await Database.open(job.directory, {
      log: fileSystem === undefined ? log : { ...log, fileSystem },
    });
    const standing: Standing = {
      startOffset: 0,
      get durableOffset() {
        return db.durableOffset;
      },
    };
    return new DatabaseSubject(db, new Calls(standing, job.life), durability === "commit");
  }

  async take(step: Step): Promise<unknown> {
    switch (step.do) {
      case "append": {
        const writes = Array.from({ length: step.count }, (_, index) =>
          this.#write(`key ${String(index).padStart(4, "0")}`, step.length),
        );
        if (step.how === "batch") return this.#commit("batch", writes, false);
        const commits = writes.map((write) => () => this.#commit("put", [write], false));
        if (step.how === "atOnce") return Promise.all(commits.map((commit) => commit()));
        for (const commit of commits) await commit();
        return undefined;
      }
      case "checkpoint":
        return this.#checkpoint();
      default:
        throw new Error(`a database knows no ${step.do}`);
    }
  }

  act(random: Random): Promise<unknown> {
    const choice = random.below(200);
    const sync = random.oneIn(10);
    const key = () => `key ${String(random.below(KEYS)).padStart(4, "0")}`;
    const write = () => this.#write(key(), 10 + random.below(random.oneIn(10) ? 2000 : 120));
    if (choice < 110) return this.#commit("put", [write()], sync);
    if (choice < 130) return this.#commit("del", [{ key: key() }], sync);
    if (choice < 190) {
      const writes = Array.from({ length: 1 + random.below(5) }, () =>
        random.oneIn(4) ? { key: key() } : write(),
      );
      return this.#commit(choice < 160 ? "batch" : "transaction", writes, sync);
    }
    if (choice < 197) return this.#calls.make({ do: "sync" }, () => this.#db.sync());
    return this.#checkpoint();
  }

  close(): Promise<void> {
    return this.#db.close();
  }

  #write(key: string, length: number): { key: string; item: Item } {
    return { key, item: this.#calls.item(length) };
  }

  #commit(
    call: "put" | "del" | "batch" | "transaction",
    writes: readonly KeyWrite[],
    sync: boolean,
  ): Promise<void> {
    return this.#calls.make({ do: "commit", call, writes, sync }, async () => {
      const offset = await this.#apply(call, writes, sync);
      if ((sync || this.#commits) && this.#db.durableOffset <= offset)
        throw new Error(`${offset} is not below the durable offset`);
      return offset;
    });
  }

  async #apply(
    call: "put" | "del" | "batch" | "transaction",
    writes: readonly KeyWrite[],
    sync: boolean,
  ): Promise<number> {
    const [first] = writes;
    if (call === "transaction") return this.#transact(writes, sync);
    if (call === "batch" || first === undefined)
      return this.#db.batch(writes.map(operationOf), { sync });
    const { key, item } = first;
    if (item === undefined) return this.#db.del(key, { sync });
    return this.#db.put(key, valueFor(item), { sync });
  }

  async #transact(writes: readonly KeyWrite[], sync: boolean): Promise<number> {
    const run = this.#db.transaction(
      (tx) => {
        for (const { key, item } of writes) {
          if (item === undefined) tx.del(key);
          else tx.put(key, valueFor(item));
          const wanted = item === undefined ? undefined : valueFor(item);
          if (!isDeepStrictEqual(tx.get(key), wanted))
            throw new Error(`a transaction does not read what it wrote to ${key}`);
        }
      },
      { sync },
    );
    return (await run).offset;
  }

  #checkpoint(): Promise<void> {
    return this.#calls.make({ do: "checkpoint" }, async () => {
      const { endOffset } = await this.#db.checkpoint();
      return endOffset;
    });
  }
}

function operationOf({ key, item }: KeyWrite): BatchOperation {
  return item === undefined ? { type: "del", key } : { type: "put", key, value: valueFor(item) };
}
