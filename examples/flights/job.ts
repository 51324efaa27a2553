// The job, step by step: ingest and be killed, recover, go on, look back, rewind, restore. Each step holds what it finds
// against the input.

import { join } from "node:path";
import { Database } from "@tidemark/kv";
import type { Checks } from "./checks.js";
import { showFigures } from "./figures.js";
import type { IngestReport } from "./ingest.js";
import { type Ingestion, ingest } from "./ingestion.js";
import type { Options } from "./options.js";
import { showPast } from "./past.js";
import { recover } from "./recovery.js";
import { restoreAndCompare } from "./restoring.js";
import { DAY, type Tally } from "./tally.js";
import { count, heading, line } from "./terminal.js";
import { rewindAndUndo } from "./undoing.js";

export interface Job {
  /** Empty; the databases are made in it. */
  readonly directory: string;
  /** Flights in the input. */
  readonly total: number;
  readonly checks: Checks;
  readonly options: Options;
  readonly signal: AbortSignal;
}

export async function runJob(job: Job): Promise<void> {
  const { total, checks, options, signal } = job;
  const directory = join(job.directory, "database");
  const halfway = new Halfway(total);
  const first = await ingestUntilKilled(job, directory, halfway);

  heading("Opening what it left");
  const recovered = await recover(directory, first.told, total, checks);

  heading("Going on from there");
  const second = await ingestAll(job, directory, halfway);
  await using database = await Database.open<Tally>(directory);
  checks.equal("every flight is in", total, database.get(DAY)?.flights);

  heading("The past, beside the present");
  const offset = Math.max(0, recovered.endOffset - 1);
  await showPast(database, checks, { offset, time: halfway.time, total, signal });

  // Those that are made from here on are no flights.
  const { endOffset, size } = database;
  heading("A mark, a rewind and its undo");
  await rewindAndUndo(database, checks, { offset, total, signal });

  heading("Restoring into a new directory");
  await restoreAndCompare({
    source: directory,
    destination: join(job.directory, "restored"),
    offset: Math.floor(options.restoreAt * endOffset),
    total,
    checks,
    signal,
  });
  // Closing cuts off the space that the log holds ready: its size is then that of what it holds.
  await database.close();

  heading("Done");
  await showFigures(directory, {
    flights: total,
    commits: endOffset,
    keys: size,
    ingestions: [first, second],
    recoveryMs: recovered.durationMs,
    checks,
  });
}

async function ingestUntilKilled(
  job: Job,
  directory: string,
  halfway: Halfway,
): Promise<Ingestion> {
  heading("Ingesting in a child process, which is killed");
  const ingestion = await ingestAll(job, directory, halfway, job.options.killAt);
  const { durableOffset, flights } = ingestion.told;
  line(ingestion.killed ? "killed with SIGKILL" : "it had finished before the kill");
  line(`the last it told: ${count(durableOffset)} commits, ${count(flights)} flights are durable`);
  return ingestion;
}

/** All that is missing, or until a share of all, 0 to 1, is durable. */
function ingestAll(
  { total, signal }: Job,
  directory: string,
  halfway: Halfway,
  killAt?: number,
): Promise<Ingestion> {
  const killAfter = killAt === undefined ? undefined : Math.ceil(killAt * total);
  const onReport = (told: IngestReport) => halfway.look(told);
  return ingest({ directory, total, killAfter, onReport, signal });
}

/** Remembers when half of the flights were durable: a time to go back to. */
class Halfway {
  readonly #total: number;
  /** ms since the Unix epoch. */
  time = 0;

  constructor(total: number) {
    this.#total = total;
  }

  look({ flights }: IngestReport): void {
    if (this.time === 0 && flights >= this.#total / 2) this.time = Date.now();
  }
}
