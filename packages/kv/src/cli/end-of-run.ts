// What ends a run before it is done: Ctrl-C, an order to end, or an output that takes nothing any more.

import { Ended, endings } from "./exit-codes.js";

/** Ends a run that cannot print. That errors cannot be printed is told by the exit code alone. */
export function watchOutput(ending: AbortController): void {
  process.stdout.on("error", (error: Error & { code?: string }) => {
    ending.abort(error.code === "EPIPE" ? new Ended("SIGPIPE") : error);
  });
  process.stderr.on("error", () => undefined);
}

/** What runs a program under npx hands on a Ctrl-C that the terminal has given to both: until then it is the same one. */
const SAME_SIGNAL_MS = 1000;

/** Ends a run by signal, once; the second time at once, for work that does not look. */
export function watchForEnd(ending: AbortController): () => void {
  let firstAt: number | undefined;
  const end = (name: "SIGINT" | "SIGTERM") => {
    firstAt ??= performance.now();
    const isSame = performance.now() - firstAt < SAME_SIGNAL_MS;
    if (ending.signal.aborted && !isSame) process.exit(endings[name]);
    ending.abort(new Ended(name));
  };
  process.on("SIGINT", end).on("SIGTERM", end);
  return () => {
    process.off("SIGINT", end).off("SIGTERM", end);
  };
}
