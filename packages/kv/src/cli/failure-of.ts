// Which failure an error is.

import { DatabaseError, databaseError } from "../errors.js";
import { asCommands } from "./damage.js";
import { Ended, type ExitCode, exitCode } from "./exit-codes.js";
import {
  BadInputError,
  type Failure,
  NotFoundError,
  type Ran,
  StoppedError,
  UsageError,
  usageFailure,
} from "./failure.js";
import { shellWord } from "./shell-word.js";

export function failureOf(error: unknown, ran: Ran): Failure {
  if (!(error instanceof StoppedError)) return causeOf(error, ran);
  const cause = causeOf(error.cause, ran);
  const message = `${cause.message}\n${error.stands}`;
  return { ...cause, message, hint: error.hint ?? cause.hint, figures: error.figures };
}

function causeOf(error: unknown, ran: Ran): Failure {
  const known = databaseError(error);
  if (known instanceof DatabaseError) return databaseFailure(known, ran);
  if (error instanceof UsageError) return usageFailure(error.message, ran);
  if (error instanceof NotFoundError) {
    const { message } = error;
    return { code: "NOT_FOUND", message, hint: undefined, exitCode: exitCode.notFound };
  }
  if (error instanceof BadInputError) {
    const { message } = error;
    return { code: "BAD_INPUT", message, hint: undefined, exitCode: exitCode.damage };
  }
  if (error instanceof Ended) {
    return { code: "ENDED", message: error.message, hint: undefined, exitCode: error.exitCode };
  }
  if (isSystemError(error)) {
    const { code, message } = error;
    return { code, message, hint: systemHints[code], exitCode: exitCode.failed };
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const hint = "this is a bug in tidemark: please report it with the lines above";
  return { code: "BUG", message, hint, exitCode: exitCode.bug };
}

const exitCodes: Partial<Record<DatabaseError["code"], ExitCode>> = {
  KV_CORRUPT: exitCode.damage,
  KV_INVALID_ARGUMENT: exitCode.usage,
  KV_INVALID_KEY: exitCode.usage,
  KV_NOT_FOUND: exitCode.notFound,
  KV_TARGET_OUT_OF_RANGE: exitCode.notFound,
};

function databaseFailure(error: DatabaseError, ran: Ran): Failure {
  const { code } = error;
  const message = asCommands(error.message);
  const hint = hintFor(error, ran);
  return { code, message, hint, exitCode: exitCodes[code] ?? exitCode.failed };
}

function hintFor(error: DatabaseError, ran: Ran): string | undefined {
  const directory = ran.directory === undefined ? "<directory>" : shellWord(ran.directory);
  switch (error.code) {
    case "KV_CORRUPT":
      return `see what is damaged, and what can still be reached: tidemark verify ${directory}`;
    case "KV_NOT_FOUND":
      return "give the directory that the program opens: it has a file DATABASE in it, or MANIFEST for a log alone";
    case "KV_TARGET_OUT_OF_RANGE":
      return `see how far back history reaches: tidemark info ${directory}; the marks: tidemark marks ${directory}`;
    case "KV_LOCKED":
      return lockedHint(ran);
    case "KV_UNSUPPORTED_VERSION":
      return "a newer version made this: use that version of @tidemark/kv";
    case "KV_NO_SPACE":
      return "free some space and run the command again: nothing half-done is left in use";
    case "KV_MARK_EXISTS":
      return `a name is given once: take another. All marks: tidemark marks ${directory}`;
    case "KV_EXISTS":
      // An export's messages say what there is to choose.
      return ran.command === "export"
        ? undefined
        : "give a directory that does not exist or is empty";
    case "KV_IO":
      return systemHints[systemCodeOf(error) ?? ""];
    default:
      return undefined;
  }
}

function lockedHint({ command }: Ran): string {
  const first = thereInstead[command ?? ""] ?? "close it there first";
  return `${first}. Commands that only read work beside it`;
}

/** What the process that has the database open can do itself. */
const thereInstead: Record<string, string> = {
  checkpoint:
    "that process makes checkpoints by itself, and one more when it calls checkpoint(); or close it there",
  mark: "that process can call mark(); or close it there",
  repair: "close it there first; verify says what is damaged meanwhile",
  rewind: "that process can call rewind(); or close it there. With --dry-run it is only read",
};

const systemHints: Record<string, string> = {
  EACCES: "run it as the user whom the files belong to",
  EPERM: "run it as the user whom the files belong to",
  EMFILE: "raise the limit of open files (ulimit -n)",
  ENFILE: "the system has no more open files to give: close some",
  EIO: "the disk could not read or write: look at the system's log before anything else, and copy what can be read",
  ENOSPC: "free some space and run the command again",
};

function systemCodeOf(error: unknown): string | undefined {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if ("code" in cause && typeof cause.code === "string" && /^E[A-Z]/.test(cause.code)) {
      return cause.code;
    }
  }
  return undefined;
}

function isSystemError(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && "syscall" in error && systemCodeOf(error) !== undefined;
}
