// What the exploration throws at the first crash state that is wrong.

import type { CrashPlace } from "./crash-workload.js";

/** A crash left something wrong. The message says what, at which moment, and how to see it again. */
export class CrashViolation extends Error {
  override readonly name = "CrashViolation";
  /** What is wrong, alone. */
  readonly text: string;
  readonly place: CrashPlace;

  /** @internal Made by the exploration. */
  constructor(wrong: Wrong, place: CrashPlace, when: string, replayLine: string) {
    super(`${wrong.message}\n  ${when}\n  to see it again: ${replayLine}`, { cause: wrong.cause });
    this.text = wrong.message;
    this.place = place;
  }
}

/** What is wrong with a state; `cause` is what was thrown, or the text of it. */
export class Wrong extends Error {
  constructor(cause: unknown, doing?: string) {
    super(doing === undefined ? textOf(cause) : `${doing}: ${textOf(cause)}`, { cause });
  }
}

/** What an error says; the whole of it where it is none that was meant to happen. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { message, stack } = error;
  if ("code" in error && typeof error.code === "string") return `${error.code}: ${message}`;
  return stack ?? message;
}
