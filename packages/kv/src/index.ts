// What @tidemark/kv exports, and nothing else.

export type { Key, KeyKind } from "./arguments/keys.js";
export type { KeyBounds, Range } from "./arguments/range.js";
export type { Target } from "./arguments/target.js";
export type {
  BatchOperation,
  Clearing,
  Deletion,
  DelOptions,
  ExpiryOptions,
  PutOptions,
  WriteOptions,
} from "./arguments/write.js";
export type { BackupReport } from "./backup/backup-report.js";
export type { BackupOptions } from "./backup/hot-backup.js";
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
export { Database } from "./database.js";
export {
  DatabaseError,
  type DatabaseErrorCode,
  type DatabaseErrorDetails,
  type ReachableRange,
} from "./errors.js";
export type { SkippedSnapshot } from "./fold/fold.js";
export type { FoldProgress } from "./fold/fold-to-file.js";
export type { DatabaseLogOptions, DatabaseOptions, HistoryOptions } from "./options.js";
export type { Change, ChangeOperation, ChangesOptions, Since } from "./past/changes.js";
export type { Difference, DiffOptions } from "./past/diff.js";
export type { DeletedVersion, HistoryRange, ValueVersion, Version } from "./past/history.js";
export type { AtOptions } from "./past/past.js";
export { type RestoreOptions, type RestoreReport, restore } from "./past/restore.js";
export type { RecoveryReport } from "./recovery-report.js";
export type { DatabaseDamage } from "./repair/damage.js";
export type { InspectionProgress } from "./repair/inspection.js";
export type { Remark } from "./repair/remarks.js";
export {
  type RepairDatabaseOptions,
  repairDatabase,
} from "./repair/repair.js";
export type { Keep } from "./repair/repair-plan.js";
export type { RepairDatabaseReport } from "./repair/repair-report.js";
export {
  type VerifiedSnapshot,
  type VerifyDatabaseOptions,
  type VerifyDatabaseReport,
  verifyDatabase,
} from "./repair/verify.js";
export type { DatabaseReport } from "./report.js";
export type { KeyEntry, Reading } from "./state/reading.js";
export type { View } from "./state/view.js";
export type { DatabaseStats, HistoryStats } from "./stats.js";
export type { CheckpointOptions, CheckpointReport } from "./upkeep/checkpoint.js";
export type { NamedMark } from "./writing/marks.js";
export type { RewindOptions } from "./writing/rewind.js";
export type { Immediate, Transaction, TransactionOutcome } from "./writing/transaction.js";
