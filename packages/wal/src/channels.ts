// The diagnostics channels of logs (docs/observability.md): what happens, told in this thread to whoever listens.
// Invariant: where nobody listens, nothing is made, called or measured but a look at `hasSubscribers`. A message is published once what it
// tells of is done, and the log ready for any call. What a subscriber throws is thrown at the process by Node, at its next tick, not at the log.

import { channel } from "node:diagnostics_channel";
import type { LogError } from "./errors.js";
import type { LogReport, ResolvedOptions } from "./options.js";
import type { RecoveryReport } from "./recovery.js";
import type { Segment } from "./segment.js";

/** What all messages of a log say. */
export interface LogMessage {
  /** Absolute path of the log. */
  readonly directory: string;
}

/** A log has been opened. */
export interface LogRecoveryMessage extends LogMessage {
  readonly readOnly: boolean;
  /** What opening found and did: `Log.recovery`. */
  readonly recovery: RecoveryReport;
}

/** A group of appends has been written and, where someone in it waits for that, synced. */
export interface LogCommitMessage extends LogMessage {
  /** Records in it. */
  readonly records: number;
  /** Bytes of its batches, headers included. */
  readonly bytes: number;
  /** Offset after its last record. */
  readonly endOffset: number;
  /** It has been synced. */
  readonly durable: boolean;
  /** Time that the write took, with the sync if there was one, in ms. */
  readonly durationMs: number;
}

/** What had been written has been synced apart from a commit: by time, on `sync`, or at a close. */
export interface LogSyncMessage extends LogMessage {
  /** Every record below it is on stable storage. */
  readonly durableOffset: number;
  /** In ms. */
  readonly durationMs: number;
}

/** A segment is full, and the next one is in use. */
export interface LogRotationMessage extends LogMessage {
  /** Id of the segment that is written to from now on. */
  readonly segmentId: number;
  /** Offset of its first record. */
  readonly baseOffset: number;
  /** Time that appends had to wait for it, in ms: next to nothing where it had been prepared. */
  readonly waitMs: number;
}

/** Segments have been dropped from the front, by `retention` or by `truncateBefore`. */
export interface LogRetentionMessage extends LogMessage {
  /** Offset of the first record that is left. */
  readonly startOffset: number;
  /** Segments that were dropped. */
  readonly segments: number;
  /** Bytes of their stores. */
  readonly bytes: number;
}

/** The log is poisoned: it writes nothing more until it is opened again. */
export interface LogFailureMessage extends LogMessage {
  readonly failure: LogError;
}

/** Background work went wrong and harmed nothing, or something odd was seen: what `onReport` is told. */
export interface LogReportMessage extends LogMessage {
  readonly report: LogReport;
}

/** What is said on which channel. */
export interface LogMessages {
  readonly "tidemark:log:recovery": LogRecoveryMessage;
  readonly "tidemark:log:commit": LogCommitMessage;
  readonly "tidemark:log:sync": LogSyncMessage;
  readonly "tidemark:log:rotation": LogRotationMessage;
  readonly "tidemark:log:retention": LogRetentionMessage;
  readonly "tidemark:log:failure": LogFailureMessage;
  readonly "tidemark:log:report": LogReportMessage;
}

/** A channel of `node:diagnostics_channel` whose messages are known. */
export interface DiagnosticsChannel<M> {
  /** Whether anybody listens. */
  readonly hasSubscribers: boolean;
  /** Calls back with each message, at once. */
  subscribe(onMessage: (message: M, name: string | symbol) => void): void;
  /** Ends that, for the same function. */
  unsubscribe(onMessage: (message: M, name: string | symbol) => void): void;
  /** For the log alone. */
  publish(message: M): void;
}

function channelOf<N extends keyof LogMessages>(name: N): DiagnosticsChannel<LogMessages[N]> {
  return channel(name) as DiagnosticsChannel<LogMessages[N]>;
}

const recoveryChannel = channelOf("tidemark:log:recovery");
export const commitChannel = channelOf("tidemark:log:commit");
export const syncChannel = channelOf("tidemark:log:sync");
const rotationChannel = channelOf("tidemark:log:rotation");
const retentionChannel = channelOf("tidemark:log:retention");
const failureChannel = channelOf("tidemark:log:failure");
const reportChannel = channelOf("tidemark:log:report");

/** All channels of logs by their names, with the types of their messages. */
export const logChannels: {
  readonly [N in keyof LogMessages]: DiagnosticsChannel<LogMessages[N]>;
} = {
  "tidemark:log:recovery": recoveryChannel,
  "tidemark:log:commit": commitChannel,
  "tidemark:log:sync": syncChannel,
  "tidemark:log:rotation": rotationChannel,
  "tidemark:log:retention": retentionChannel,
  "tidemark:log:failure": failureChannel,
  "tidemark:log:report": reportChannel,
};

/** Now in ms, if a channel has a subscriber who will be told how long something took. */
export function startOf({ hasSubscribers }: { hasSubscribers: boolean }): number | undefined {
  return hasSubscribers ? performance.now() : undefined;
}

export function tellRecovery(directory: string, readOnly: boolean, recovery: RecoveryReport): void {
  if (recoveryChannel.hasSubscribers) recoveryChannel.publish({ directory, readOnly, recovery });
}

/** `next` is in use, for which appends have waited since `startMs`. */
export function tellRotation(directory: string, next: Segment, startMs: number): void {
  if (!rotationChannel.hasSubscribers) return;
  const { id: segmentId, baseOffset } = next;
  const waitMs = performance.now() - startMs;
  rotationChannel.publish({ directory, segmentId, baseOffset, waitMs });
}

export function tellRetention(
  directory: string,
  startOffset: number,
  dropped: readonly Segment[],
): void {
  if (!retentionChannel.hasSubscribers) return;
  const bytes = dropped.reduce((sum, { size }) => sum + size, 0);
  retentionChannel.publish({ directory, startOffset, segments: dropped.length, bytes });
}

/** Options whose callbacks are told on the channels too; later, as the callbacks are. */
export function withChannels(options: ResolvedOptions, directory: string): ResolvedOptions {
  const { onFailure, onReport } = options;
  return {
    ...options,
    onFailure(failure) {
      onFailure(failure);
      if (!failureChannel.hasSubscribers) return;
      queueMicrotask(() => failureChannel.publish({ directory, failure }));
    },
    onReport(report) {
      onReport(report);
      if (!reportChannel.hasSubscribers) return;
      queueMicrotask(() => reportChannel.publish({ directory, report }));
    },
  };
}
