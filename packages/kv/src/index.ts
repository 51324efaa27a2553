// What @tidemark/kv exports, and nothing else.

export type { BackupReport } from "./backup-report.js";
export type { Change, ChangeOperation, ChangesOptions, Since } from "./changes.js";
export {
  type DatabaseCheckpointMessage,
  type DatabaseExpiryMessage,
  type DatabaseMessage,
  type DatabaseMessages,
  type DatabaseRecoveryMessage,
  type DatabaseReportMessage,
  type DatabaseRetentionMessage,
  databaseChannels,
} from "./channels.js";
export type { CheckpointOptions, CheckpointReport } from "./checkpoint.js";
export type { DatabaseDamage } from "./damage.js";
export { Database } from "./database.js";
export type { Difference, DiffOptions } from "./diff.js";
export {
  DatabaseError,
  type DatabaseErrorCode,
  type DatabaseErrorDetails,
  type ReachableRange,
} from "./errors.js";
export type { SkippedSnapshot } from "./fold.js";
export type { FoldProgress } from "./fold-to-file.js";
export type { DeletedVersion, HistoryRange, ValueVersion, Version } from "./history.js";
export type { BackupOptions } from "./hot-backup.js";
export type { InspectionProgress } from "./inspection.js";
export type { Key, KeyKind } from "./keys.js";
export type { NamedMark } from "./marks.js";
export type { RecoveryReport } from "./open-database.js";
export type { DatabaseLogOptions, DatabaseOptions, HistoryOptions } from "./options.js";
export type { AtOptions } from "./past.js";
export type { KeyBounds, Range } from "./range.js";
export type { KeyEntry, Reading } from "./reading.js";
export type { Remark } from "./remarks.js";
export {
  type RepairDatabaseOptions,
  repairDatabase,
} from "./repair.js";
export type { Keep } from "./repair-plan.js";
export type { RepairDatabaseReport } from "./repair-report.js";
export type { DatabaseReport } from "./report.js";
export { type RestoreOptions, type RestoreReport, restore } from "./restore.js";
export type { RewindOptions } from "./rewind.js";
export type { DatabaseStats, HistoryStats } from "./stats.js";
export type { Target } from "./target.js";
export type { Immediate, Transaction, TransactionOutcome } from "./transaction.js";
export {
  type VerifiedSnapshot,
  type VerifyDatabaseOptions,
  type VerifyDatabaseReport,
  verifyDatabase,
} from "./verify.js";
export type { View } from "./view.js";
export type {
  BatchOperation,
  Clearing,
  Deletion,
  DelOptions,
  ExpiryOptions,
  PutOptions,
  WriteOptions,
} from "./write.js";
