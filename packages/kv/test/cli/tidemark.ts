// The program `tidemark` as its users run it: a process of its own, with its output in pipes or in a terminal.

import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export const PROGRAM = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  /** What it ended with; null if a signal killed it. */
  readonly code: number | null;
}

export interface Surroundings {
  /** Added to the environment, which has UTC and nothing about colours. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly directory?: string;
  /** What is on standard input. */
  readonly input?: string;
}

/** Runs the program to its end. */
export async function tidemark(
  args: readonly string[],
  surroundings: Surroundings = {},
): Promise<Outcome> {
  const child = startTidemark(args, surroundings);
  child.stdin.on("error", () => undefined).end(surroundings.input ?? "");
  return await outcomeOf(child);
}

/** Starts the program, for tests that do something to it while it runs. */
export function startTidemark(
  args: readonly string[],
  surroundings: Surroundings = {},
): ChildProcessWithoutNullStreams {
  return start(process.execPath, [PROGRAM, ...args], surroundings);
}

/** What a program that was started says until it ends. */
export async function outcomeOf(child: ChildProcessWithoutNullStreams): Promise<Outcome> {
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { stdout, stderr, code };
}

/** Why there can be no pseudo-terminal here; undefined if there can. */
export function terminalRefusal(): string | undefined {
  const { error, status } = spawnSync("script", ["-qefc", "true", "/dev/null"], { input: "" });
  if (error !== undefined) return `the command script of util-linux is not here: ${error.message}`;
  return status === 0 ? undefined : "the command script here is not that of util-linux";
}

/** Starts the program in a pseudo-terminal, 100 columns wide; what is written to its standard input is typed. */
export function startInTerminal(
  args: readonly string[],
  surroundings: Surroundings = {},
): ChildProcessWithoutNullStreams {
  const words = [process.execPath, PROGRAM, ...args].map(quoted).join(" ");
  const command = `stty cols 100 && exec ${words}`;
  return start("script", ["-qefc", command, "/dev/null"], surroundings);
}

/** Runs the program in a pseudo-terminal to its end; both of its outputs are one there. */
export async function inTerminal(
  args: readonly string[],
  surroundings: Surroundings = {},
): Promise<{ readonly shown: string; readonly code: number | null }> {
  const { stdout, code } = await outcomeOf(startInTerminal(args, surroundings));
  return { shown: stdout.replaceAll("\r\n", "\n"), code };
}

function start(
  command: string,
  args: readonly string[],
  { environment = {}, directory }: Surroundings,
): ChildProcessWithoutNullStreams {
  const { NO_COLOR: _, FORCE_COLOR: __, NODE_OPTIONS: ___, ...inherited } = process.env;
  const env = { ...inherited, TERM: "xterm-256color", TZ: "UTC", ...environment };
  return spawn(command, args, { env, cwd: directory });
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
