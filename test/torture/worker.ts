// One of the processes of the torture command: looks at what it is told to, slice by slice. It ends when it is told to,
// or with the process that started it.

import { FuzzSlice } from "./fuzz-slice.js";
import { killAll } from "./kills/writer-process.js";
import { KillsSlice } from "./kills-slice.js";
import { ProgramsSlice } from "./programs-slice.js";
import type { Order, Slice, Told } from "./slice.js";

const TELL_MS = 1000;

// Most errors here are meant to be, and where one comes from shows when it is shown again.
Error.stackTraceLimit = 0;

function tell(told: Told): void {
  process.send?.(told);
}

function atWork(slice: Slice, tellAt: (replayLine: string) => void) {
  switch (slice.part) {
    case "kills":
      return new KillsSlice(slice, tellAt);
    case "fuzz":
      return new FuzzSlice(slice);
    default:
      return new ProgramsSlice(slice, tellAt);
  }
}

async function work(slice: Slice): Promise<void> {
  let replayLine = "";
  const tellAt = (line: string) => {
    replayLine = line;
    tell({ is: "at", replayLine });
  };
  const at = atWork(slice, tellAt);
  const timer = setInterval(() => tell({ is: "tally", tally: at.tally }), TELL_MS);
  const violations: string[] = [];
  try {
    await at.run();
  } catch (error) {
    violations.push(textOf(error, replayLine));
  }
  clearInterval(timer);
  tell({ is: "done", tally: at.tally, violations });
}

/** With the line that shows it again. */
function textOf(error: unknown, replayLine: string): string {
  if (!(error instanceof Error)) return `${String(error)}\n  it was at ${replayLine}`;
  const { message, stack } = error;
  return message.includes("again: ") ? message : `${stack}\n  it was at ${replayLine}`;
}

async function end(): Promise<void> {
  await killAll();
  process.exit(0);
}

// The terminal sends Ctrl-C to all processes: who handed out the slices says when they end.
process.on("SIGINT", () => undefined);
process.on("disconnect", () => void end());
process.on("message", (order: Order) => {
  void (order.do === "end" ? end() : work(order.slice));
});
