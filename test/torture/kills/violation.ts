// Something that must not be, with how to see it again.

/** Everything that says what was played. */
export type Played =
  /** The play of this number of all that follow from the seed. */
  | { readonly seed: number; readonly number: number }
  | { readonly course: "log" | "database"; readonly seed: number; readonly lives: number }
  | { readonly relay: "log" | "database"; readonly seed: number; readonly turns: number }
  | {
      readonly scene: string;
      readonly call: number;
      readonly when: "before" | "half" | "after";
    };

export function replayLine(played: Played): string {
  return `KILLS_REPLAY='${JSON.stringify(played)}' npx vitest run test/torture/replay.test.ts`;
}

export class KillViolation extends Error {
  override readonly name = "KillViolation";

  constructor(what: string, played: Played, options?: ErrorOptions) {
    super(`${what}\n  to play it again: ${replayLine(played)}`, options);
  }
}

export function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
