// The step of a program that backs up, beside what is written meanwhile: in the copy is all that was acknowledged
// before, nothing that is not durable, and it is there whole or not at all.

import { DatabaseModel } from "./model.js";
import { copyName } from "./program.js";
import { ProgramError } from "./program-error.js";
import type { Session } from "./session.js";

/** The model that it returns is made once the backup is. */
export function startBackup(session: Session): DatabaseModel {
  const { database, model: source, life } = session;
  session.copies += 1;
  const model = DatabaseModel.backupOf(source, copyName(session.copies));
  session.models.push(model);
  const least = source.spared.process;
  session.under(database.backup(model.directory), ({ offset, first, time, entries, ancestry }) => {
    if (life !== session.life) return;
    const endOffset = offset + 1;
    const commit = source.commits[offset];
    if (endOffset < least || endOffset > database.durableOffset)
      throw new ProgramError(`a backup ends at ${endOffset}, not from ${least}`);
    if (endOffset > 0) session.expect("the time of a backup", time, commit?.time);
    session.expect("the entries of a backup", entries, source.stateAt(endOffset).size);
    session.expect("the log of a backup's source", ancestry.logId, database.logId);
    session.expect("where a backup leaves its source", ancestry.offset, endOffset);
    const all = endOffset > source.first ? source.first : undefined;
    if (!source.forgets) session.expect("the first state of a backup", first, all);
    model.finish(endOffset);
  });
  return model;
}
