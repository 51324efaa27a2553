// Other processes beside the writer: readers, someone who verifies, someone who would write too. What they see is
// held against what is known, and nothing of it changes the disk.

import { Log, LogError, verifyLog } from "@tidemark/wal";
import { judge, judgeReader } from "./judge.js";
import { DIRECTORY, logOptions } from "./program.js";
import { ProgramError } from "./program-error.js";
import type { Onlooker, Session } from "./session.js";
import { isLockInDoubt, show } from "./show.js";

/** What a writer whose calls fail may do to those who read beside it. */
const EXCUSED = new Set(["LOG_CORRUPT", "LOG_IO", "LOG_NOT_FOUND"]);

/** A read-only log in a process of its own. */
export class Reader implements Onlooker {
  readonly #session: Session;
  readonly #log: Log;

  private constructor(session: Session, log: Log) {
    this.#session = session;
    this.#log = log;
  }

  static start(session: Session): void {
    const fileSystem = session.bystander();
    // After a crash of the machine there are others.
    const { onlookers } = session;
    const opening = Log.open(DIRECTORY, { readOnly: true, fileSystem });
    const opened = opening.then((log) => {
      onlookers.push(new Reader(session, log));
    });
    session.beside(opened, () => undefined, isExcused);
  }

  /** Looks for more, at once, and at what there is now. */
  look(): void {
    const session = this.#session;
    session.beside(this.#log.refresh(), () => undefined, isExcused);
    try {
      this.#judge();
    } catch (error) {
      if (!session.mayFail || !isExcused(error)) throw error;
    }
  }

  #judge(): void {
    const session = this.#session;
    const shown = show(this.#log);
    const wrong = judgeReader(shown, session.facts());
    if (wrong !== undefined) throw new ProgramError(`a reader: ${wrong}`);
    const { durableOffset } = session;
    if (durableOffset !== undefined && shown.endOffset > durableOffset)
      throw new ProgramError(`a reader shows ${shown.endOffset}, above ${durableOffset}`);
  }

  /** Once the writer is gone and nobody has come after it, a reader shows all that an opening would. */
  lookAtRest(): void {
    const session = this.#session;
    session.beside(this.#log.refresh(), () => undefined, isExcused);
    // A lock whose text could not be taken back names a writer who lives: it may be at work, for all that anyone sees.
    if (session.mayFail && isLockInDoubt(session.disk)) {
      this.#judge();
      return;
    }
    const verdict = judge(show(this.#log), session.facts(), "process");
    if (typeof verdict === "string") throw new ProgramError(`a reader at rest: ${verdict}`);
  }
}

export function startVerification(session: Session): void {
  const { model } = session;
  const before = model.facts();
  const verification = verifyLog(DIRECTORY, { fileSystem: session.bystander() });
  session.beside(
    verification,
    ({ ok, damage }) => {
      if (ok || session.mayFail || before.doubtful) return;
      throw new ProgramError(`verifying beside the writer: ${JSON.stringify(damage)}`);
    },
    isExcused,
  );
}

/** Who would write too is refused. */
export async function intrude(session: Session): Promise<void> {
  const fileSystem = session.disk.startProcess();
  const options = { ...logOptions(session.program, () => session.time.now), fileSystem };
  try {
    await Log.open(DIRECTORY, options);
  } catch (error) {
    if (error instanceof LogError && error.code === "LOG_LOCKED") return;
    if (session.mayFail && session.isFailure(error)) return;
    throw error;
  }
  throw new ProgramError("a second writer opened the log");
}

function isExcused(error: unknown): boolean {
  return error instanceof LogError && EXCUSED.has(error.code);
}
