// The diagnostics channels of databases (docs/observability.md), as those of the log, which tells of commits and of failures.
// Invariant: where nobody listens, nothing is made, called or measured but a look at `hasSubscribers`.

import { channel } from "node:diagnostics_channel";
import type { DiagnosticsChannel } from "@tidemark/wal";
import type { RecoveryReport } from "./recovery-report.js";
import type { DatabaseReport } from "./report.js";
import type { CheckpointReport } from "./upkeep/checkpoint.js";

/** What all messages of a database say. */
export interface DatabaseMessage {
  /** Absolute path of the database. */
  readonly directory: string;
}

/** A database has been opened. */
export interface DatabaseRecoveryMessage extends DatabaseMessage {
  readonly readOnly: boolean;
  /** What opening found and did: `Database.recovery`. */
  readonly recovery: RecoveryReport;
}

/** A checkpoint has ended. */
export interface DatabaseCheckpointMessage extends DatabaseMessage {
  /** It was asked for; false if it was due by itself. */
  readonly requested: boolean;
  /** What it did; undefined if it failed. */
  readonly report: CheckpointReport | undefined;
  /** Why it failed. */
  readonly error: unknown;
}

/** History that is no longer kept has gone: log, snapshot files or both. */
export interface DatabaseRetentionMessage extends DatabaseMessage {
  /** Offset of the first commit that the log has left. */
  readonly startOffset: number;
  /** Snapshot files that were removed. */
  readonly snapshots: number;
  /** In ms. */
  readonly durationMs: number;
}

/** Keys that had expired have been removed, in one commit. */
export interface DatabaseExpiryMessage extends DatabaseMessage {
  /** Count of keys. */
  readonly keys: number;
  /** Offset of the commit. */
  readonly offset: number;
}

/** Background work went wrong and harmed nothing: what `onReport` is told. */
export interface DatabaseReportMessage extends DatabaseMessage {
  readonly report: DatabaseReport;
}

/** What is said on which channel. */
export interface DatabaseMessages {
  readonly "tidemark:database:recovery": DatabaseRecoveryMessage;
  readonly "tidemark:database:checkpoint": DatabaseCheckpointMessage;
  readonly "tidemark:database:retention": DatabaseRetentionMessage;
  readonly "tidemark:database:expiry": DatabaseExpiryMessage;
  readonly "tidemark:database:report": DatabaseReportMessage;
}

function channelOf<N extends keyof DatabaseMessages>(
  name: N,
): DiagnosticsChannel<DatabaseMessages[N]> {
  return channel(name) as DiagnosticsChannel<DatabaseMessages[N]>;
}

const recoveryChannel = channelOf("tidemark:database:recovery");
export const checkpointChannel = channelOf("tidemark:database:checkpoint");
export const retentionChannel = channelOf("tidemark:database:retention");
export const expiryChannel = channelOf("tidemark:database:expiry");
const reportChannel = channelOf("tidemark:database:report");

/** All channels of databases by their names, with the types of their messages. */
export const databaseChannels: {
  readonly [N in keyof DatabaseMessages]: DiagnosticsChannel<DatabaseMessages[N]>;
} = {
  "tidemark:database:recovery": recoveryChannel,
  "tidemark:database:checkpoint": checkpointChannel,
  "tidemark:database:retention": retentionChannel,
  "tidemark:database:expiry": expiryChannel,
  "tidemark:database:report": reportChannel,
};

export function tellRecovery(directory: string, readOnly: boolean, recovery: RecoveryReport): void {
  if (recoveryChannel.hasSubscribers) recoveryChannel.publish({ directory, readOnly, recovery });
}

/** A callback for reports that are told on the channel too; later, as the callback is. */
export function withChannel(
  onReport: (report: DatabaseReport) => void,
  directory: string,
): (report: DatabaseReport) => void {
  return (report) => {
    onReport(report);
    if (!reportChannel.hasSubscribers) return;
    queueMicrotask(() => reportChannel.publish({ directory, report }));
  };
}
