// What @tidemark/wal exports, and nothing else.

export type { AppendOptions, RecordRange } from "./arguments.js";
export type { BatchHeader } from "./batch.js";
export {
  type DiagnosticsChannel,
  type LogCommitMessage,
  type LogFailureMessage,
  type LogMessage,
  type LogMessages,
  type LogRecoveryMessage,
  type LogReportMessage,
  type LogRetentionMessage,
  type LogRotationMessage,
  type LogSyncMessage,
  logChannels,
} from "./channels.js";
export { crc32 } from "./checksum.js";
export { LogError, type LogErrorCode, type LogErrorDetails } from "./errors.js";
export type { Damage, OffsetRange, Progress, RecordVisitor } from "./examine.js";
export {
  type Committer,
  type DirectoryEntry,
  type EntryKind,
  type File,
  type FileSystem,
  type FileSystemCall,
  FileSystemError,
  type HostIdentity,
  type LockOutcome,
  type Mapping,
  writeFully,
  writeFullySync,
} from "./file-system.js";
export type { FollowOptions } from "./follow.js";
export { type LogHeader, type ReadHeadersOptions, readHeaders } from "./headers.js";
export type { Lock } from "./lock.js";
export { type LockLogOptions, lockLog } from "./lock-log.js";
export { Log } from "./log.js";
export type { Floor, Manifest, ManifestSegment } from "./manifest-rules.js";
export { nodeFileSystem } from "./node/node-file-system.js";
export type { Ancestry, Durability, LogOptions, LogReport, Retention } from "./options.js";
export type { LogRecord } from "./records.js";
export type { RecoveryReport, TornTail } from "./recovery.js";
export { type RepairOptions, type RepairReport, repairLog } from "./repair.js";
export type { ByteRange } from "./scan.js";
export type { SegmentHeader } from "./segment-header.js";
export type { DurationStats, LogStats } from "./stats.js";
export type { TrimmedBytes } from "./trim.js";
export type { VerifiedSegment } from "./verified-segment.js";
export { type VerifyOptions, type VerifyReport, verifyLog } from "./verify.js";
