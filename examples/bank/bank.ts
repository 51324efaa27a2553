// A small bank. However it is killed, no money may be made or lost, and a transfer that was confirmed has happened.

import type { Database } from "@tidemark/kv";

export interface Transfer {
  readonly from: string;
  readonly to: string;
  readonly amount: number;
}

export class Bank {
  readonly #accounts: Database<number>;

  constructor(accounts: Database<number>) {
    this.#accounts = accounts;
  }

  async open(account: string, balance: number): Promise<void> {
    await this.#accounts.put(account, balance);
  }

  /** Both sides in one commit, which arrives whole or not at all. */
  async transfer({ from, to, amount }: Transfer): Promise<void> {
    await this.#accounts.transaction((tx) => {
      tx.put(from, (tx.get(from) ?? 0) - amount);
      tx.put(to, (tx.get(to) ?? 0) + amount);
    });
  }

  balances(): Record<string, number> {
    return Object.fromEntries(this.#accounts.entries());
  }
}

/** What somebody writes on a hurried afternoon: one side, then the other. */
export class CarelessBank extends Bank {
  readonly #hurried: Database<number>;

  constructor(accounts: Database<number>) {
    super(accounts);
    this.#hurried = accounts;
  }

  override async transfer({ from, to, amount }: Transfer): Promise<void> {
    await this.#hurried.put(from, (this.#hurried.get(from) ?? 0) - amount);
    await this.#hurried.put(to, (this.#hurried.get(to) ?? 0) + amount);
  }
}
