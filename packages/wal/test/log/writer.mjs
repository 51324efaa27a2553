// A process that writes a log while others read it: appends, rotation, retention and truncation from both ends, until
// its standard input ends. Argument: the directory.

import { Log } from "@tidemark/wal";

const [directory = ""] = process.argv.slice(2);

/** @param {number} offset @param {number} length */
function payloadOf(offset, length) {
  return Buffer.from(`record ${offset} `.padEnd(length, "abcdefghijklmnopqrstuvwxyz"));
}

/** @param {string} line */
function say(line) {
  process.stdout.write(`${line}\n`);
}

const log = await Log.open(directory, {
  segmentBytes: 8192,
  noteAfterMs: 1,
  retention: { maxBytes: 120_000 },
});
let going = true;
process.stdin.on("end", () => {
  going = false;
});
process.stdin.resume();
say("opened");
for (let round = 0; going; round++) {
  /** @type {Promise<unknown>[]} */
  const work = [];
  for (let index = 0; index < 40; index++) {
    work.push(log.append(payloadOf(log.endOffset, 30 + ((round * index) % 300))));
  }
  if (round % 5 === 4) work.push(log.truncateFrom(Math.max(log.startOffset, log.endOffset - 25)));
  if (round % 9 === 8) work.push(log.truncateBefore(Math.max(0, log.acknowledgedOffset - 300)));
  await Promise.allSettled(work);
  if (log.failure !== undefined) throw log.failure;
}
await log.close();
say(`closed ${log.startOffset} ${log.endOffset}`);
