// `tidemark repair`: says what would mend a damaged database or log, and does it when told to; what loses something has to be
// told so as well.

import { type Command, Option } from "commander";
import { printMeaning, showDamage } from "../damage.js";
import { examples } from "../examples.js";
import { type ExitCode, exitCode } from "../exit-codes.js";
import { UsageError } from "../failure.js";
import { findRepairable, type Mended, type Mending, mend } from "../mending.js";
import type { Action, Run } from "../run.js";
import { shellWord } from "../shell-word.js";

interface Given extends Pick<Mending, "keep" | "keys"> {
  readonly apply?: boolean;
  readonly acceptLoss?: boolean;
}

const HELP = `
Without --apply nothing is changed. With it, what is lost by the repair has to be accepted with --accept-loss, or nothing is
changed either. Nothing is ever deleted: what is replaced is set aside, and named.`;

export function define(command: Command): Action {
  command
    .description("Says what is damaged and what would mend it; with --apply does it.")
    .argument("<directory>", "of a database, or of a log alone")
    .option("--apply", "mend it")
    .option("--accept-loss", "also where commits or states are lost by it")
    .addOption(
      new Option(
        "--keep <which>",
        "where not everything can be kept; of a database history or newest, of a log before or after the damage",
      ).choices(["history", "newest", "before", "after"]),
    )
    .addOption(
      new Option("--keys <kind>", "what keys are, where no file tells").choices([
        "string",
        "bytes",
      ]),
    )
    .addHelpText("after", HELP)
    .addHelpText(
      "after",
      examples(
        ["repair ./ledger", "what would be done, and what is lost by it"],
        ["repair ./ledger --apply", "do it, if nothing is lost by it"],
        ["repair ./ledger --apply --accept-loss --keep history", "do it, up to the first damage"],
      ),
    );
  return async (run, given) => {
    const { apply = false, acceptLoss = false, keep, keys } = command.opts<Given>();
    if (acceptLoss && !apply) throw new UsageError("--accept-loss says nothing without --apply");
    const found = await findRepairable(given);
    const mending = { ...found, keep, keys };
    const plan = await mend(run, mending, true);
    const refused = plan.damage.length > 0 && apply && plan.loses && !acceptLoss;
    const done = apply && !refused ? await mend(run, mending, false) : plan;
    // What is reported of damage is what was there before.
    const mended = { ...done, damage: plan.damage };
    if (run.json) await run.out.json({ ...found, ...mended, refused });
    else await show(run, mended, apply && !refused, next(given, mended, apply));
    return codeOf(mended, apply && !refused);
  };
}

function codeOf({ damage }: Mended, applied: boolean): ExitCode {
  return damage.length === 0 || applied ? exitCode.fine : exitCode.damage;
}

/** What to run next. */
function next(directory: string, { loses }: Mended, apply: boolean): string {
  const command = `tidemark repair ${shellWord(directory)} --apply`;
  if (!loses) return `nothing was changed. To do it: ${command}`;
  const told = apply
    ? "nothing was changed, since this loses what is named"
    : "nothing was changed";
  return `${told}. To do it all the same: ${command} --accept-loss`;
}

async function show(run: Run, mended: Mended, applied: boolean, hint: string): Promise<void> {
  const { out, style } = run;
  const { damage, summary, aside } = mended;
  if (damage.length === 0) return await out.line("nothing is damaged");
  await out.line(style("bold", "damaged"));
  for (const found of damage) {
    await out.line(`  ${showDamage(found)}`);
    await printMeaning(run, found);
  }
  await out.line(style("bold", applied ? "done" : "would be done"));
  for (const line of summary) {
    await out.line(`  ${line.startsWith("lost: ") ? style("red", line) : line}`);
  }
  for (const path of aside) await out.line(`  set aside: ${path}`);
  if (!applied) await out.line(hint);
}
