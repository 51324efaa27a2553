// What a repair tells: what it found, did and lost, in figures and in words.

import { basename } from "node:path";
import type { OffsetRange } from "@tidemark/wal";
import type { ReachableRange } from "../errors.js";
import { IDENTITY_NAME } from "../formats/layout.js";
import type { DatabaseDamage } from "./damage.js";
import type { Inspection } from "./inspection.js";
import { nameCommits, reachableRanges } from "./reachable.js";
import { keptStates, type RepairPlan } from "./repair-plan.js";

/** What a repair did or would do, and what is lost. */
export interface RepairDatabaseReport {
  /** False if the database needed nothing, or with `dryRun`. */
  readonly changed: boolean;
  readonly damage: readonly DatabaseDamage[];
  /** The commits whose state can be reached afterwards; undefined if there is none. */
  readonly kept: ReachableRange | undefined;
  /** Commits that the database had and has no more: their offsets are given to others. */
  readonly lostCommits: readonly OffsetRange[];
  /** Offsets whose state cannot be reached any more, or could not before because of the damage; with those of lost commits. */
  readonly lostStates: readonly OffsetRange[];
  /** What was done, or would be, and what is lost by it, in words. */
  readonly summary: readonly string[];
  /** Paths of what was set aside. */
  readonly aside: readonly string[];
}

/** What there is, and what is to be done about it. */
export interface Examined {
  readonly inspection: Inspection;
  readonly damage: readonly DatabaseDamage[];
  /** Undefined if nothing is damaged. */
  readonly plan: RepairPlan | undefined;
}

/** What has been done so far, or would be. */
export interface Account {
  readonly aside: string[];
  readonly summary: string[];
  changed: boolean;
}

export const MENDED = "the log: mended where it lies, without losing a commit";

/** Says in words what is done and what is lost by it. */
export function describe(plan: RepairPlan, inspection: Inspection, { summary }: Account): void {
  const { records, lostCommits, lostStates } = plan;
  if (plan.log === "mend") summary.push(MENDED);
  if (plan.log === "anew") {
    const what =
      records.from === records.to
        ? `empty, from offset ${records.to} on`
        : `with ${nameCommits(records)}`;
    summary.push(`the log: made anew, ${what}; the old one and its snapshot files: set aside`);
  } else {
    for (const { path } of plan.aside) {
      const fault = inspection.snapshots.find((file) => file.path === path)?.fault?.message;
      const reason = fault ?? inspection.commits.differing.get(path);
      summary.push(`${basename(path)}: set aside, since ${reason ?? "it cannot be used"}`);
    }
  }
  if (plan.identity !== undefined) {
    summary.push(`${IDENTITY_NAME}: made anew, for keys of the kind ${plan.identity}`);
  }
  for (const lost of lostCommits) summary.push(`lost: ${nameCommits(lost)}`);
  for (const lost of lostStates)
    summary.push(`not to be reached: the states of ${nameCommits(lost)}`);
}

export function reportOf(
  { inspection, damage }: Examined,
  plan: RepairPlan | undefined,
  { changed, aside, summary }: Account,
): RepairDatabaseReport {
  return {
    changed,
    damage,
    kept: plan === undefined ? reachableRanges(inspection).at(-1) : keptStates(plan),
    lostCommits: plan?.lostCommits ?? [],
    lostStates: plan?.lostStates ?? [],
    summary,
    aside,
  };
}
