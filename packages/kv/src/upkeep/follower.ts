// Keeping a read-only database up to date with its writer in another process (docs/decisions/0113-followers.md).
// Invariant: what is shown is the state of exactly the commits below its end offset: they are applied to a fork,
// and shown at once when the last of them is whole.

import type { OpenedLog } from "../commit-log.js";
import { closedError, databaseError } from "../errors.js";
import type { FoldSource } from "../fold/fold.js";
import { foldToState } from "../fold/fold-to-state.js";
import { RecordedCommit } from "../formats/recorded-commit.js";
import { Pace } from "../pace.js";
import type { PastStates } from "../past/past-states.js";
import type { DatabaseReport } from "../report.js";
import type { Mark } from "../state/entry.js";
import type { Present } from "../state/present.js";
import type { Work } from "../work.js";
import { unlessCut } from "./moving-window.js";

/** Attempts to read while the writer removes what is read, before an error is believed. */
const ATTEMPTS_MAX = 8;

export interface FollowerParts {
  readonly source: FoldSource;
  /** That of the source. */
  readonly log: OpenedLog;
  readonly present: Present;
  readonly states: PastStates<FoldSource>;
  readonly work: Work;
  /** ms between two looks; 0 for none but those asked for. */
  readonly refreshMs: number;
  /** Told of failures of the looks that nobody asked for. */
  readonly report: (report: DatabaseReport) => void;
}

export class Follower {
  readonly #parts: FollowerParts;
  /** Number of cuts from the log's end that what is shown knows of. */
  #truncations: number;
  #running: Promise<unknown> = Promise.resolve();
  /** The look that has not begun: who asks meanwhile waits for it. */
  #next: Promise<number> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  /** What was reported last, if every look since has failed the same way. */
  #reported: string | undefined;

  constructor(parts: FollowerParts) {
    this.#parts = parts;
    this.#truncations = parts.log.truncations;
  }

  /** Looks for more by itself from now on. */
  start(): void {
    const { refreshMs } = this.#parts;
    if (refreshMs === 0 || this.#stopped) return;
    this.#timer = setTimeout(() => void this.#lookAgain(), refreshMs);
    this.#timer.unref();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #lookAgain(): Promise<void> {
    try {
      await this.refresh();
      this.#reported = undefined;
    } catch (error) {
      if (!this.#stopped) this.#report(error);
    }
    this.start();
  }

  #report(cause: unknown): void {
    const message = cause instanceof Error ? cause.message : String(cause);
    if (message === this.#reported) return;
    this.#reported = message;
    this.#parts.report({ kind: "refresh", message, cause });
  }

  /** Takes in all that the log knows to be durable at a time after the call; resolves with the end offset. */
  refresh(): Promise<number> {
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      const look = this.#look();
      this.#running = look.catch(() => undefined);
      return look;
    });
    return this.#next;
  }

  async #look(): Promise<number> {
    if (this.#stopped) throw closedError();
    return await this.#parts.work.run(undefined, (signal) => this.#catchUp(signal));
  }

  async #catchUp(signal: AbortSignal): Promise<number> {
    const { log, present } = this.#parts;
    await log.refresh();
    for (let attempt = 1; ; attempt++) {
      const { startOffset, truncations } = log;
      try {
        await this.#takeIn(new Pace(signal));
        return present.endOffset;
      } catch (error) {
        signal.throwIfAborted();
        // The writer may have removed what was being read: then there is a newer snapshot file to begin from.
        if (attempt === ATTEMPTS_MAX) throw databaseError(error);
        await log.refresh();
        const moved = log.startOffset > startOffset || log.truncations !== truncations;
        if (!moved) throw databaseError(error);
      }
    }
  }

  async #takeIn(pace: Pace): Promise<void> {
    const { log, present } = this.#parts;
    const { truncations, acknowledgedOffset: end } = log;
    const shown = present.endOffset;
    if (truncations !== this.#truncations || shown < log.startOffset) await this.#reload(pace);
    else if (end > shown) await this.#apply(shown, end, pace);
    // Where a writer has come after a crash, the log may prove less for a moment than was whole before; it keeps all
    // of that, and so does what is shown.
  }

  /** From the newest snapshot file: as far as the log goes by then, since files that end below may be gone by then. */
  async #reload(pace: Pace): Promise<void> {
    const { source, log, present, states } = this.#parts;
    const run = async () => {
      const { truncations, acknowledgedOffset: end } = log;
      const { result } = await foldToState(source, end, { pace });
      return { ...result, truncations, end };
    };
    const { state, marks, truncations, end } = await unlessCut(source, run, () => log.refresh());
    states.clear();
    present.replace(state, marks, end);
    this.#truncations = truncations;
  }

  async #apply(from: number, to: number, pace: Pace): Promise<void> {
    const { source, present } = this.#parts;
    let state = present.state.fork();
    const marks = new Map<string, Mark>();
    for (const record of source.log.records({ from, to })) {
      const { offset, time } = record;
      const commit = new RecordedCommit(record, source.keys);
      for (let complete = false; !complete; ) {
        const step = commit.next();
        for (const operation of step.operations) {
          if (operation.kind === "mark") marks.set(operation.name, { offset, time });
          else state.apply(operation, offset, time);
        }
        ({ complete } = step);
        // In the middle of a commit nothing of it is shown.
        if (!complete && pace.due) await pace.rest();
      }
      if (!pace.due) continue;
      present.advance(state, marks, offset + 1);
      await pace.rest();
      state = present.state.fork();
      marks.clear();
    }
    present.advance(state, marks, to);
  }
}
