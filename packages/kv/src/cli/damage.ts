// Damage in words: where it is, and what it means for the owner.

import type { Run } from "./run.js";

/** Damage of a database, or of a log. */
export interface FoundDamage {
  readonly kind?: string;
  readonly file: string;
  readonly position: number | undefined;
  readonly offset: number | undefined;
  readonly message: string;
  readonly meaning?: string;
}

/** What is damaged and where, in one line: a message that names its file has said where. */
export function showDamage({ message, file, position, offset }: FoundDamage): string {
  const told = asCommands(message);
  if (message.includes(file)) return told;
  const where = [
    position === undefined ? "" : `, position ${position}`,
    offset === undefined ? "" : `, offset ${offset}`,
  ];
  return `${told} (file ${file}${where.join("")})`;
}

/** Prints what damage means, if that is known. */
export async function printMeaning(run: Run, { meaning }: FoundDamage): Promise<void> {
  if (meaning === undefined) return;
  await run.out.line(`    ${asCommands(meaning)}`);
}

/** What the library says of its functions, in the words of the command line. */
export function asCommands(text: string): string {
  return text.replace(/\brepair(Database|Log)\b/g, "tidemark repair");
}
