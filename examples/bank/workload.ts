// The bank on a disk that forgets what was not synced: what is run, how it is opened after a crash, what must hold.

import { Database } from "@tidemark/kv";
import { type CrashWorkload, SimulatedDisk } from "@tidemark/wal/testing";
import type { Bank, Transfer } from "./bank.js";

type Balances = Readonly<Record<string, number>>;

const OPENING: Balances = { ann: 100, ben: 50, cid: 0 };

const TRANSFERS: readonly Transfer[] = [
  { from: "ann", to: "ben", amount: 30 },
  { from: "ben", to: "cid", amount: 75 },
  { from: "cid", to: "ann", amount: 5 },
  { from: "ann", to: "cid", amount: 60 },
];

/** What each has after none of the transfers, after one, and so on. */
const STATEMENTS: Balances[] = [OPENING];
for (const { from, to, amount } of TRANSFERS) {
  const last = STATEMENTS.at(-1) ?? OPENING;
  const changed = { [from]: (last[from] ?? 0) - amount, [to]: (last[to] ?? 0) + amount };
  STATEMENTS.push({ ...last, ...changed });
}

/** How many transfers were asked for, and how many of them confirmed. */
interface Asked {
  readonly asked: number;
  readonly confirmed: number;
}

export function workload(kind: typeof Bank): CrashWorkload<Asked, Balances> {
  // A clock of its own: a run has to do the same each time.
  const open = (disk: SimulatedDisk) =>
    Database.open<number>("/bank", { log: { fileSystem: disk, clock: () => 0, noteAfterMs: 0 } });
  return {
    async run(recorder) {
      const disk = new SimulatedDisk();
      const accounts = await open(disk);
      const bank = new kind(accounts);
      for (const [account, balance] of Object.entries(OPENING)) await bank.open(account, balance);
      let now = { asked: 0, confirmed: 0 };
      recorder.record(disk, () => now);
      for (const [count, transfer] of TRANSFERS.entries()) {
        now = { ...now, asked: count + 1 };
        await bank.transfer(transfer);
        now = { ...now, confirmed: count + 1 };
        if (count === 1) await accounts.checkpoint();
      }
      await accounts.close();
    },

    async recover(disk) {
      const accounts = await open(disk);
      return { shown: new kind(accounts).balances(), close: () => accounts.close() };
    },

    check(shown, { asked, confirmed }) {
      const sum = Object.values(shown).reduce((total, balance) => total + balance, 0);
      if (sum !== 150) return `there are ${sum} in the bank, and 150 were paid in`;
      const allowed = STATEMENTS.slice(confirmed, asked + 1).map(asText);
      if (allowed.includes(asText(shown))) return undefined;
      return `${asText(shown)}, though ${confirmed} transfers were confirmed`;
    },
  };
}

function asText(balances: Balances): string {
  return Object.entries(balances)
    .map(([account, balance]) => `${account} ${balance}`)
    .sort()
    .join(", ");
}
