// The planted bugs: each a few exact pieces of text in one source file and what stands there instead, with what
// that breaks and the tests that are expected to fail. Each piece stands in its file exactly once, and what comes
// out compiles; list.test.ts checks the first, run.mjs the second.

import { commits } from "./planted/commits.mjs";
import { database } from "./planted/database.mjs";
import { databaseCrashes } from "./planted/database-crashes.mjs";
import { databaseRepair } from "./planted/database-repair.mjs";
import { fileSystem } from "./planted/file-system.mjs";
import { following } from "./planted/following.mjs";
import { formats } from "./planted/formats.mjs";
import { history } from "./planted/history.mjs";
import { locks } from "./planted/locks.mjs";
import { reading } from "./planted/reading.mjs";
import { recovery } from "./planted/recovery.mjs";
import { segments } from "./planted/segments.mjs";

/**
 * Tests of one file: those whose name holds one of the titles, or all. A title is a whole piece of a name as it
 * stands in the source.
 *
 * @typedef {object} Tests
 * @property {string} file
 * @property {readonly string[]} titles
 * @property {Readonly<Record<string, string>>} [env] variables that they are run with
 */

/**
 * @typedef {object} Mutant
 * @property {string} name
 * @property {string} breaks what is wrong then, in a few words
 * @property {string} file
 * @property {readonly (readonly [original: string, replacement: string])[]} edits
 * @property {readonly Tests[]} tests tried in this order until one fails
 */

/** @type {readonly Mutant[]} */
export const mutants = [
  ...commits,
  ...recovery,
  ...segments,
  ...reading,
  ...formats,
  ...fileSystem,
  ...locks,
  ...database,
  ...databaseCrashes,
  ...databaseRepair,
  ...history,
  ...following,
];
