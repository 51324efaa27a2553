// What a log and a database do on disk, step by step, the same on any file system. As a program: does one act of it
// on Node's file system. Arguments: the act, the directory.

import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Database, restore } from "@tidemark/kv";
import { Log, nodeFileSystem, repairLog } from "@tidemark/wal";

/**
 * @typedef {object} Stage
 * @property {import("@tidemark/wal").FileSystem} fileSystem
 * @property {string} directory a path where nothing is yet, but for what acts before have made
 * @property {(what: string) => void} tell told of each acknowledgement
 */

const SEGMENT_BYTES = 8192;

/** @param {number} number @param {number} length */
function payloadOf(number, length) {
  return Buffer.from(`record ${number} `.padEnd(length, "abcdefghijklmnopqrstuvwxyz"));
}

/** What the log has begun by itself is over: a truncation takes its turn behind it, and this one cuts nothing. @param {Log} log */
function quiet(log) {
  return log.truncateBefore(log.startOffset);
}

/**
 * One after the other, so that the order of calls is one only.
 *
 * @param {Stage} stage @param {Log} log @param {number} count @param {number} length
 * @param {{ sync?: boolean }} [options]
 */
async function append(stage, log, count, length, options) {
  for (let i = 0; i < count; i++) {
    stage.tell(`offset ${await log.append(payloadOf(log.endOffset, length), options)}`);
    await quiet(log);
  }
}

/**
 * @param {Stage} stage @param {import("@tidemark/wal").LogOptions} [options]
 */
async function openLog({ fileSystem, directory, tell }, options) {
  const log = await Log.open(`${directory}/log`, {
    segmentBytes: SEGMENT_BYTES,
    noteAfterMs: 0,
    fileSystem,
    ...options,
  });
  tell(`opened at ${log.endOffset}`);
  await quiet(log);
  return log;
}

/** @param {Stage} stage @param {Log | Database} closable */
async function close(stage, closable) {
  await closable.close();
  stage.tell("closed");
}

/** Creation, appends through rotations and the start of the thread, truncation at both ends. @param {Stage} stage */
async function fillLog(stage) {
  const log = await openLog(stage);
  await append(stage, log, 30, 900);
  await log.appendBatch([payloadOf(0, 20), payloadOf(1, 3000), payloadOf(2, 0)]);
  stage.tell("batch");
  await log.truncateBefore(12);
  stage.tell("cut before 12");
  await append(stage, log, 3, 40);
  await log.truncateFrom(log.endOffset - 4);
  stage.tell("cut from 4 back");
  await append(stage, log, 3, 40);
  await close(stage, log);
}

/** The other durabilities. @param {Stage} stage */
async function loosen(stage) {
  const log = await openLog(stage, { durability: "os" });
  await append(stage, log, 4, 300);
  await append(stage, log, 2, 300, { sync: true });
  await append(stage, log, 3, 300);
  stage.tell(`synced ${await log.sync()}`);
  await close(stage, log);
  const timed = await openLog(stage, { durability: "interval", syncIntervalMs: 1 });
  await append(stage, timed, 1, 300);
  while (timed.durableOffset < timed.endOffset) await sleep(1);
  stage.tell("synced by time");
  await close(stage, timed);
}

/** Retention, then a kill in the middle. @param {Stage} stage */
async function retain(stage) {
  const log = await openLog(stage, { retention: { maxBytes: 20_000 } });
  await append(stage, log, 30, 1200);
}

/** What is left by the kill, recovered and gone on with. @param {Stage} stage */
async function recover(stage) {
  const log = await openLog(stage);
  await append(stage, log, 2, 100);
  await close(stage, log);
  const { fileSystem } = stage;
  await repairLog(`${stage.directory}/log`, { fileSystem });
  stage.tell("repaired");
}

/** A database: made, written, checkpointed, opened again, restored. @param {Stage} stage */
async function keepDatabase(stage) {
  const { fileSystem, directory } = stage;
  const options = { log: { segmentBytes: SEGMENT_BYTES, noteAfterMs: 0, fileSystem } };
  /** @param {string} name @param {number} count */
  const write = async (name, count) => {
    const database = await Database.open(`${directory}/${name}`, options);
    stage.tell("opened");
    for (let i = 0; i < count; i++) stage.tell(`put ${await database.put(`key ${i}`, i)}`);
    await database.checkpoint();
    stage.tell("checkpoint");
    stage.tell(`put ${await database.put("one more", { value: 1 })}`);
    await close(stage, database);
  };
  await write("db", 8);
  await write("db", 3);
  await restore(`${directory}/db`, `${directory}/restored`, { offset: 6 }, { fileSystem });
  stage.tell("restored");
  await write("restored", 1);
}

/** @type {Readonly<Record<string, (stage: Stage) => Promise<void>>>} */
export const acts = { fillLog, loosen, retain, recover, keepDatabase };

/** Acts that end by a kill. */
export const killed = ["retain"];

/** @param {string} name @param {Stage} stage */
export async function play(name, stage) {
  const act = acts[name];
  if (act === undefined) throw new Error(`there is no act ${name}`);
  await act(stage);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , name = "", directory = ""] = process.argv;
  const { writeSync } = await import("node:fs");
  const tell = (/** @type {string} */ what) => writeSync(1, `${what}\n`);
  await play(name, { fileSystem: nodeFileSystem, directory, tell });
  if (killed.includes(name)) process.kill(process.pid, "SIGKILL");
}
