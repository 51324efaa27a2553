// A durable job queue that is nothing but a log: a job is a record, and so is the note that it is done.
// Invariant: what is unfinished is a fold of the log, so no crash loses a job that was acknowledged, and a job
// whose end was not acknowledged is given out again: each is done at least once.

import { Log, type LogRecord } from "@tidemark/wal";

export interface Job {
  /** Offset of its record. */
  readonly id: number;
  readonly task: string;
}

type Note = { readonly task: string } | { readonly done: number };

/** Small, so that what is done goes soon: the log drops whole segments. */
const SEGMENT_BYTES = 4096;

export class JobQueue {
  readonly #log: Log;
  /** Ids, lowest first. */
  readonly #unfinished = new Set<number>();
  /** Records below this offset are in `#unfinished`. */
  #folded = 0;
  /** Ids that a worker has. A crash forgets them, and that is what gives them out again. */
  readonly #taken = new Set<number>();

  private constructor(log: Log) {
    this.#log = log;
    for (const record of log.records()) this.#fold(record);
  }

  static async open(directory: string): Promise<JobQueue> {
    return new JobQueue(await Log.open(directory, { segmentBytes: SEGMENT_BYTES }));
  }

  /** Takes in a record, unless that was done before, and says what it is. */
  #fold(record: LogRecord): Note {
    const note = read(record);
    if (record.offset < this.#folded) return note;
    if ("task" in note) this.#unfinished.add(record.offset);
    else this.#unfinished.delete(note.done);
    this.#folded = record.offset + 1;
    return note;
  }

  /** Resolves with the id of the job once no crash can lose it. */
  enqueue(task: string): Promise<number> {
    return this.#log.append(write({ task }));
  }

  /** Jobs for one worker of several, as they come, until the signal. */
  async *jobs(signal: AbortSignal): AsyncGenerator<Job> {
    const [from = this.#folded] = this.#unfinished;
    try {
      for await (const record of this.#log.follow({ from, signal })) {
        const note = this.#fold(record);
        const id = record.offset;
        if (!("task" in note) || !this.#unfinished.has(id) || this.#taken.has(id)) continue;
        this.#taken.add(id);
        yield { id, task: note.task };
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** Resolves once the job will never be given out again. */
  async finish({ id }: Job): Promise<void> {
    await this.#log.append(write({ done: id }));
    this.#unfinished.delete(id);
    this.#taken.delete(id);
  }

  /** Drops what is before the oldest unfinished job; resolves with the first offset that is kept. */
  async trim(): Promise<number> {
    const [oldest = this.#folded] = this.#unfinished;
    await this.#log.truncateBefore(oldest);
    return this.#log.startOffset;
  }

  /** Count of jobs that are not done, of those that workers or the opening have come to. */
  get unfinished(): number {
    return this.#unfinished.size;
  }

  get endOffset(): number {
    return this.#log.endOffset;
  }

  close(): Promise<void> {
    return this.#log.close();
  }
}

function write(note: Note): Uint8Array {
  return Buffer.from(JSON.stringify(note));
}

function read({ payload }: LogRecord): Note {
  return JSON.parse(Buffer.from(payload).toString()) as Note;
}
