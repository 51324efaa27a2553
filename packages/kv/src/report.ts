// What a database tells of its background work.

/** Background work that went wrong, and harmed nothing: it is tried again later, or has found another way. */
export interface DatabaseReport {
  readonly kind: "checkpoint" | "retention" | "expiry" | "refresh";
  readonly message: string;
  /** An error, or the `SkippedSnapshot` that was passed over. */
  readonly cause: unknown;
}

/** A callback that throws must not keep the database from finishing what it is at. */
export function later(
  callback: ((report: DatabaseReport) => void) | undefined,
): (report: DatabaseReport) => void {
  if (callback === undefined) return () => undefined;
  return (report) => queueMicrotask(() => callback(report));
}
