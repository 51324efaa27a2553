// What a database does by itself while it is open. A writer: checkpoints, retention after them, and the removal of
// what has expired. A read-only one: keeping up with its writer.

import { withChannel } from "../channels.js";
import type { FoldSource } from "../fold/fold.js";
import type { OpenedDatabase } from "../open-database.js";
import type { ResolvedOptions } from "../options.js";
import type { PastStates } from "../past/past-states.js";
import type { Present } from "../state/present.js";
import type { Work } from "../work.js";
import { Removal } from "../writing/removal.js";
import { Checkpoints } from "./checkpoints.js";
import { Follower } from "./follower.js";
import { Retention } from "./retention.js";

export interface UpkeepParts {
  readonly opened: OpenedDatabase;
  readonly options: ResolvedOptions;
  readonly present: Present;
  /** States of the past that are shared. */
  readonly states: PastStates<FoldSource>;
  readonly work: Work;
  /** The later of clock and last commit, in ms. */
  readonly now: () => number;
  /** Deletes keys, in one commit. */
  readonly remove: (keys: readonly string[]) => Promise<number>;
}

type Report = ResolvedOptions["onReport"];

/** Begins when it is made. */
export class Upkeep {
  readonly checkpoints: Checkpoints;
  /** Of a read-only database. */
  readonly follower: Follower | undefined;
  readonly removal: Removal;

  constructor(parts: UpkeepParts) {
    const report = withChannel(parts.options.onReport, parts.opened.directory);
    this.checkpoints = checkpointsOf(parts, report);
    this.removal = removalOf(parts, report);
    this.follower = parts.options.readOnly ? followerOf(parts, report) : undefined;
    if (this.follower === undefined) this.#begin(parts.present);
    else this.follower.start();
  }

  /** For good. What is under way is ended with the work of the database. */
  stop(): void {
    this.removal.stop();
    this.checkpoints.stop();
    this.follower?.stop();
  }

  #begin(present: Present): void {
    present.onAcknowledged = (bytes) => this.checkpoints.committed(bytes);
    present.onChanged = (time) => this.removal.plan(time);
    this.checkpoints.opened();
    // Whatever has expired while it was closed is looked for soon.
    this.removal.plan(Number.POSITIVE_INFINITY);
  }
}

function checkpointsOf({ opened, options, work, now }: UpkeepParts, report: Report): Checkpoints {
  const { directory, source, snapshotOffset } = opened;
  const { checkpointBytes, history, clock } = options;
  const retention = new Retention(source, history, clock);
  return new Checkpoints({
    directory,
    source,
    retention,
    snapshotOffset,
    checkpointBytes,
    work,
    now,
    report,
  });
}

function removalOf(
  { opened, options, present, now, remove }: UpkeepParts,
  report: Report,
): Removal {
  const { directory } = opened;
  const { removeExpiredAfterMs: afterMs } = options;
  return new Removal({ directory, present, now, afterMs, remove, report });
}

function followerOf(
  { opened, options, present, states, work }: UpkeepParts,
  report: Report,
): Follower {
  const { source, log } = opened;
  const { refreshMs } = options;
  return new Follower({ source, log, present, states, work, refreshMs, report });
}
