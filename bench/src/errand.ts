// Sends a process on an errand: to prepare or to measure one system.

import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Measured, Place } from "./scenario.js";

/** What the process gets told. */
export interface Errand extends Place {
  readonly scenario: string;
  readonly system: string;
  readonly step: "prepare" | "measure";
}

const program = fileURLToPath(new URL("./measure.js", import.meta.url));

/** Resolves with what was measured. An abort ends the process. */
export function send(errand: Errand, signal: AbortSignal): Promise<Measured> {
  signal.throwIfAborted();
  const child = fork(program, [JSON.stringify(errand)], {
    execArgv: ["--expose-gc"],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const end = () => child.kill();
  signal.addEventListener("abort", end);
  return answerOf(child, errand).finally(() => signal.removeEventListener("abort", end));
}

function answerOf(child: ChildProcess, { scenario, system }: Errand): Promise<Measured> {
  return new Promise((resolve, reject) => {
    let measured: Measured | undefined;
    child.once("message", (message) => {
      measured = message as Measured;
    });
    child.once("error", reject);
    child.once("exit", (code, killedBy) => {
      if (measured !== undefined) resolve(measured);
      else reject(new Error(`${scenario}, ${system}: ended with ${killedBy ?? code}`));
    });
  });
}
