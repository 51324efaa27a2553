// The parent's side of the ingestion: starts the child, follows what it tells, and kills it when asked to.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { IngestReport } from "./ingest.js";
import { ProgressBar } from "./progress-bar.js";
import { count } from "./terminal.js";

export interface IngestionOptions {
  readonly directory: string;
  /** Flights in the input. */
  readonly total: number;
  /** Flights that have to be durable before the child is killed; undefined lets it finish. */
  readonly killAfter: number | undefined;
  readonly onReport: (report: IngestReport) => void;
  readonly signal: AbortSignal;
}

export interface Ingestion {
  /** The last that the child told. */
  readonly told: IngestReport;
  readonly killed: boolean;
  /** Flights that this child made durable, as far as it told. */
  readonly flights: number;
  /** From its first report, which it sends once the database is open, to its last. */
  readonly durationMs: number;
}

/** Resolves when the child has ended, killed or not; rejects if it failed by itself, or with the signal's reason. */
export async function ingest(options: IngestionOptions): Promise<Ingestion> {
  const { directory, total, killAfter, signal } = options;
  signal.throwIfAborted();
  const child = fork(new URL("ingest.js", import.meta.url), [directory, String(total)]);
  const kill = () => child.kill("SIGKILL");
  signal.addEventListener("abort", kill);
  const reports = followReports(child, total, (report) => {
    options.onReport(report);
    if (killAfter !== undefined && report.flights >= killAfter) kill();
  });
  // What the child told before its end may arrive after it.
  const [[code, killer]] = await Promise.all([once(child, "exit"), once(child, "disconnect")]);
  signal.removeEventListener("abort", kill);
  reports.bar.end();
  signal.throwIfAborted();
  const killed = killAfter !== undefined && killer === "SIGKILL";
  const { first, last } = reports;
  if (first === undefined || last === undefined || !(killed || code === 0)) {
    throw new Error(`the child ended with ${code ?? killer}`);
  }
  return {
    told: last.report,
    killed,
    flights: last.report.flights - first.report.flights,
    durationMs: last.atMs - first.atMs,
  };
}

interface Reports {
  first: { readonly report: IngestReport; readonly atMs: number } | undefined;
  last: { readonly report: IngestReport; readonly atMs: number } | undefined;
  readonly bar: ProgressBar;
}

/** Keeps the first and the last of the child's reports, and shows each. */
function followReports(
  child: ChildProcess,
  total: number,
  onReport: (report: IngestReport) => void,
): Reports {
  const reports: Reports = { first: undefined, last: undefined, bar: new ProgressBar(total) };
  child.on("message", (report: IngestReport) => {
    reports.last = { report, atMs: performance.now() };
    reports.first ??= reports.last;
    const { flights, durableOffset } = report;
    reports.bar.show(flights, `${count(flights)} flights, ${count(durableOffset)} commits`);
    onReport(report);
  });
  return reports;
}
