// An undo button. Each action is one commit, so undoing it is a rewind to the commit before. A rewind is a commit too:
// undoing that is the redo button.

import { strict as assert } from "node:assert";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BatchOperation, Database } from "@tidemark/kv";

/** A list of what to pack: how many of each thing. */
class PackingList {
  readonly #database: Database<number>;
  /** Offsets of the actions that can be undone, and of the undoings that can be redone. */
  readonly #done: number[] = [];
  readonly #undone: number[] = [];

  constructor(database: Database<number>) {
    this.#database = database;
  }

  async act(operations: BatchOperation<number>[]): Promise<void> {
    this.#done.push(await this.#database.batch(operations));
    this.#undone.length = 0;
  }

  async undo(): Promise<void> {
    const action = this.#done.pop();
    if (action !== undefined) this.#undone.push(await this.#takeBack(action));
  }

  async redo(): Promise<void> {
    const undoing = this.#undone.pop();
    if (undoing !== undefined) this.#done.push(await this.#takeBack(undoing));
  }

  /** One commit that makes the present what it was before a commit; resolves with its own offset. */
  #takeBack(offset: number): Promise<number> {
    return this.#database.rewind({ offset: offset - 1 });
  }

  /** Prints the list and holds it against what it has to be. */
  show(step: string, expected: Record<string, number>): void {
    const list = Object.fromEntries(this.#database.entries());
    console.log(`${step.padEnd(22)} ${JSON.stringify(list)}`);
    assert.deepEqual(list, expected);
  }
}

const directory = await mkdtemp(join(tmpdir(), "tidemark-undo-"));
const database = await Database.open<number>(join(directory, "list"));
// Something to go back to before the first action.
await database.put("passport", 1);

const list = new PackingList(database);
await list.act([
  { type: "put", key: "shirts", value: 4 },
  { type: "put", key: "socks", value: 8 },
]);
list.show("packed for a week", { passport: 1, shirts: 4, socks: 8 });
await list.act([
  { type: "put", key: "shirts", value: 2 },
  { type: "del", key: "socks" },
  { type: "put", key: "sandals", value: 1 },
]);
list.show("packed for the beach", { passport: 1, sandals: 1, shirts: 2 });
await list.act([...database.keys()].map((key) => ({ type: "del", key })));
list.show("emptied by mistake", {});

await list.undo();
list.show("undo", { passport: 1, sandals: 1, shirts: 2 });
await list.undo();
list.show("undo", { passport: 1, shirts: 4, socks: 8 });
await list.undo();
list.show("undo", { passport: 1 });
await list.redo();
list.show("redo", { passport: 1, shirts: 4, socks: 8 });
await list.redo();
list.show("redo", { passport: 1, sandals: 1, shirts: 2 });
console.log(`${database.endOffset} commits: nothing was lost on the way`);

await database.close();
await rm(directory, { recursive: true });
