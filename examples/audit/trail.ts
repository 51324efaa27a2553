// The trail: a database of its own, with a line for each change of a price, and the place up to which it has read.

import { type Change, Database } from "@tidemark/kv";

/** The key under which whoever writes signs. */
export const SIGNATURE = "signed";

/** A price, or who signed. */
type Value = number | string;
type Place = Pick<Change, "logId" | "offset">;

export class Trail {
  readonly #kept: Database;

  private constructor(kept: Database) {
    this.#kept = kept;
  }

  static async open(directory: string): Promise<Trail> {
    return new Trail(await Database.open(directory));
  }

  /** What was changed, in order: which commit, who, and from what to what. */
  lines(): string[] {
    return [...this.#kept.values({ prefix: "line/" })].map(String);
  }

  /** Takes in every commit that is durable by now and was not yet taken in; resolves with how many those were. */
  async catchUp(source: Database<Value>): Promise<number> {
    const end = await source.sync();
    let place = this.#kept.get("place") as Place | undefined;
    let taken = 0;
    if ((place?.offset ?? -1) + 1 >= end) return taken;
    for await (const change of source.changes({ since: place })) {
      await this.#take(change);
      place = change;
      taken += 1;
      if (place.offset + 1 >= end) break;
    }
    return taken;
  }

  /** Lines, prices and the place in one commit: after a crash it goes on right behind what it has told. */
  async #take({ logId, offset, operations }: Change<Value>): Promise<void> {
    const signed = operations.find((one) => one.type === "put" && one.key === SIGNATURE);
    const who = signed?.type === "put" ? signed.value : "nobody";
    await this.#kept.transaction((tx) => {
      for (const operation of operations) {
        if (operation.type !== "put" && operation.type !== "del") continue;
        const { key } = operation;
        if (key === SIGNATURE) continue;
        const before = tx.get(`price/${key}`);
        const now = operation.type === "put" ? operation.value : "gone";
        const what = before === undefined ? `new, ${now}` : `${before} -> ${now}`;
        tx.put(`line/${inOrder(offset)}/${key}`, `${offset} ${who}: ${key} ${what}`);
        if (operation.type === "put") tx.put(`price/${key}`, now);
        else tx.del(`price/${key}`);
      }
      tx.put("place", { logId, offset });
    });
  }

  close(): Promise<void> {
    return this.#kept.close();
  }
}

/** A number whose text sorts as it does. */
function inOrder(offset: number): string {
  return String(offset).padStart(12, "0");
}
