// The part of a command's help that every command has: examples.

/** For `addHelpText("after", …)`. Each is a command line without `tidemark`, and what it is for. */
export function examples(...lines: readonly (readonly [line: string, purpose: string])[]): string {
  const shown = lines.map(([line, purpose]) => `  $ tidemark ${line}\n      ${purpose}`);
  return `\nExamples:\n${shown.join("\n")}`;
}
