// The command line as a whole. To add a command: a file in commands/ whose `define` describes its arguments and options
// on a commander Command (shared ones with addTargets, addKeyFormat, addRange) and returns what it does; and its line in
// `commands` below. Only the command that is asked for is loaded. --json is there for every command; results go to `run.out`,
// progress to `run.progress`, errors are thrown (failure-of.ts makes them words and an exit code), and long work takes `run.signal`.

import { createRequire } from "node:module";
import { Command, CommanderError } from "commander";
import { watchForEnd, watchOutput } from "./end-of-run.js";
import { Ended, endings, exitCode } from "./exit-codes.js";
import { type Failure, type Ran, StoppedError, UsageError, usageFailure } from "./failure.js";
import type { Action, Run } from "./run.js";

interface CommandModule {
  /** Describes the command, and gives what it does. */
  readonly define: (command: Command) => Action;
}

interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<CommandModule>;
}

const commands: readonly CommandEntry[] = [
  {
    name: "info",
    summary: "what a database or a log is, and how far it reaches",
    load: () => import("./commands/info.js"),
  },
  {
    name: "verify",
    summary: "check everything, with a map of the damage",
    load: () => import("./commands/verify.js"),
  },
  {
    name: "get",
    summary: "the value of a key, now or at a target",
    load: () => import("./commands/get.js"),
  },
  {
    name: "range",
    summary: "keys and values in order, now or at a target",
    load: () => import("./commands/range.js"),
  },
  {
    name: "at",
    summary: "a state of the past, and any read of it",
    load: () => import("./commands/at.js"),
  },
  {
    name: "history",
    summary: "what a key has had, version by version",
    load: () => import("./commands/history.js"),
  },
  {
    name: "diff",
    summary: "what differs between two points",
    load: () => import("./commands/diff.js"),
  },
  {
    name: "marks",
    summary: "the named points of a database",
    load: () => import("./commands/marks.js"),
  },
  {
    name: "dump",
    summary: "the log's records, batches or raw headers",
    load: () => import("./commands/dump.js"),
  },
  {
    name: "tail",
    summary: "commits as they come, from a live database",
    load: () => import("./commands/tail.js"),
  },
  {
    name: "restore",
    summary: "a new database with the state at a target",
    load: () => import("./commands/restore.js"),
  },
  {
    name: "backup",
    summary: "a copy with its history, also of a live database",
    load: () => import("./commands/backup.js"),
  },
  {
    name: "mark",
    summary: "name the present, to be gone back to",
    load: () => import("./commands/mark.js"),
  },
  {
    name: "rewind",
    summary: "make the present what it was at a target, in one commit",
    load: () => import("./commands/rewind.js"),
  },
  {
    name: "checkpoint",
    summary: "a snapshot file, so that opening is quick",
    load: () => import("./commands/checkpoint.js"),
  },
  {
    name: "repair",
    summary: "what would mend a damaged database or log; does it when told to",
    load: () => import("./commands/repair.js"),
  },
  {
    name: "export",
    summary: "keys and values as lines of JSON, now or at a target",
    load: () => import("./commands/export.js"),
  },
  {
    name: "import",
    summary: "keys and values from lines of JSON",
    load: () => import("./commands/import.js"),
  },
];

const DESCRIPTION =
  "Looks into Tidemark databases and logs. Commands that only read work beside a live writer and never change a byte.";

const HELP = `
Exit codes: 0 fine, 1 damage found or bad lines to import, 2 usage, 3 no such database, key or target, 4 something
stood in the way (no space, no permission, a lock), 70 a bug, 130 Ctrl-C, 141 nobody reads the output any more.

Examples:
  $ tidemark info ./ledger
  $ tidemark get ./ledger balance --time 2026-01-31T10:00
  $ tidemark help get`;

/** What was asked for, as far as it is known before anything is parsed. */
interface Asked {
  readonly entry: CommandEntry | undefined;
  /** What is to be parsed. */
  readonly words: readonly string[];
  readonly json: boolean;
}

/** Runs the program; resolves with its exit code. */
export async function runProgram(args: readonly string[]): Promise<number> {
  const asked = look(args);
  const ran: { command: string | undefined; directory: string | undefined } = {
    command: asked.entry?.name,
    directory: undefined,
  };
  let code: number = exitCode.fine;
  const ending = new AbortController();
  watchOutput(ending);
  const program = makeProgram();
  for (const entry of commands) {
    const command = program.command(entry.name).summary(entry.summary);
    if (entry !== asked.entry) continue;
    const action = (await entry.load()).define(command);
    command.option("--json", "print JSON").action(async () => {
      ran.directory = command.args[0];
      checkPaths(command);
      code = await perform(action, command, ending);
    });
  }
  try {
    if (args.length === 0) program.help({ error: true });
    await program.parseAsync(asked.words, { from: "user" });
    return code;
  } catch (error) {
    const failure = await settle(error, ending.signal);
    if (typeof failure === "number") return failure;
    return failure instanceof Ended ? failure.exitCode : await tell(failure, ran, asked.json);
  }
}

/** The exit code of what was no failure but help, once that is out; or else what failed. */
async function settle(error: unknown, signal: AbortSignal): Promise<unknown> {
  if (!(error instanceof CommanderError)) return error;
  if (error.exitCode !== 0 && error.code !== "commander.help") return error;
  await new Promise<void>((resolve) => void process.stdout.write("", () => resolve()));
  // The event that says why something could not be written comes after its callbacks.
  await new Promise((resolve) => setImmediate(resolve));
  if (signal.aborted) return signal.reason;
  return error.exitCode === 0 ? exitCode.fine : exitCode.usage;
}

function look(args: readonly string[]): Asked {
  const words = args.filter((arg) => !arg.startsWith("-"));
  const name = words[0] === "help" ? words[1] : words[0];
  const entry = commands.find((known) => known.name === name);
  // Help on what is no command is refused in the words for that.
  const isHelpOnNothing = words[0] === "help" && name !== undefined && entry === undefined;
  return { entry, words: isHelpOnNothing ? [name] : args, json: args.includes("--json") };
}

function makeProgram(): Command {
  return new Command("tidemark")
    .description(DESCRIPTION)
    .addHelpText("after", HELP)
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .helpOption("-h, --help", "show help")
    .helpCommand("help [command]", "show help for a command")
    .option("-V, --version", "show the version")
    .on("option:version", showVersion)
    .exitOverride()
    .configureOutput({ outputError: () => undefined });
}

function showVersion(): never {
  const { version } = createRequire(import.meta.url)("../../package.json") as { version: string };
  process.stdout.write(`${version}\n`);
  throw new CommanderError(0, "commander.version", version);
}

/** An empty path would be the working directory: more likely a variable of a script that is not set. */
function checkPaths({ registeredArguments, args }: Command): void {
  for (const [index, argument] of registeredArguments.entries()) {
    const name = argument.name();
    const isPath = name === "directory" || name === "destination" || name === "file";
    if (isPath && args[index] === "") throw new UsageError(`an empty text is no ${name}`);
  }
}

/** Runs a command with all that it may need, and sees that all it has printed is out before it is done. */
async function perform(action: Action, command: Command, ending: AbortController): Promise<number> {
  const [{ Output }, { Progress }, { styleOf }] = await Promise.all([
    import("./output.js"),
    import("./progress.js"),
    import("./style.js"),
  ]);
  const { stdout, stderr, env } = process;
  const progress = new Progress(stderr, stderr.isTTY === true && env["TERM"] !== "dumb");
  const out = new Output(stdout, ending.signal, () => progress.clear());
  const style = styleOf(stdout, env);
  const json = command.opts<{ json?: boolean }>().json === true;
  const run: Run = { json, out, progress, style, signal: ending.signal };
  const release = watchForEnd(ending);
  try {
    const code = await action(run, ...command.args);
    await out.flush();
    return code;
  } catch (error) {
    // What was found before is printed, unless nobody wants it.
    if (!ending.signal.aborted) await out.flush();
    throw ending.signal.aborted && !isWorthTelling(error) ? ending.signal.reason : error;
  } finally {
    progress.clear();
    release();
  }
}

/** Whether something stands of work that was ended. Nobody who reads no more is told. */
function isWorthTelling(error: unknown): boolean {
  if (!(error instanceof StoppedError)) return false;
  return !(error.cause instanceof Ended && error.cause.exitCode === endings.SIGPIPE);
}

/** Says what went wrong on standard error, as JSON where results are; resolves with the exit code. */
async function tell(error: unknown, ran: Ran, json: boolean): Promise<number> {
  const [{ harmless }, { styleOf }] = await Promise.all([
    import("./output.js"),
    import("./style.js"),
  ]);
  const failure =
    error instanceof CommanderError
      ? usageFailure(error.message.replace(/^error: /, ""), ran)
      : (await import("./failure-of.js")).failureOf(error, ran);
  const { stderr, env } = process;
  const style = styleOf(stderr, env);
  const lines = json ? [asJson(failure)] : inWords(failure, style("red", "error:"));
  stderr.write(lines.map((line) => `${harmless(line)}\n`).join(""));
  return failure.exitCode;
}

function inWords({ message, hint }: Failure, prefix: string): string[] {
  const lines = `${prefix} ${message}`.split("\n");
  return hint === undefined ? lines : [...lines, hint];
}

function asJson({ code, message, hint, figures }: Failure): string {
  return JSON.stringify({ error: { code, message, hint, ...figures } });
}
