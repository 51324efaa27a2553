// The oracle: whether what is shown after a crash is what is known. A log always holds what it held after some
// number of its operations: at least those that the crash spares, at most all.

import type { Facts, ModelRecord, Shown } from "./model.js";

/** How many operations what was shown has seen; or what is wrong with it. */
export function judge(shown: Shown, facts: Facts, crash: "process" | "machine"): number | string {
  const { startOffset, endOffset, records } = shown;
  if (records.length !== endOffset - startOffset)
    return `${records.length} records from ${startOffset} to ${endOffset}`;
  if (startOffset < facts.startMin || startOffset > facts.startMax)
    return `starts at ${startOffset}, not between ${facts.startMin} and ${facts.startMax}`;
  const spared = facts.spared[crash];
  let nearest = "";
  for (const { count, held } of histories(facts)) {
    if (count < spared || held.length !== endOffset) continue;
    const wrong = difference(shown, held);
    if (wrong === undefined) return count;
    nearest = `, and as after ${count} operations but for ${wrong}`;
  }
  return `ends at ${endOffset}: not what it held after any of ${spared} to ${facts.operations.length} operations${nearest}`;
}

/**
 * Of a reader beside a writer: it shows a beginning of what the log held, and nothing that a truncation has cut
 * off, once that is acknowledged.
 */
export function judgeReader(shown: Shown, facts: Facts): string | undefined {
  const { startOffset, endOffset } = shown;
  if (startOffset > facts.startMax) return `starts at ${startOffset}, above ${facts.startMax}`;
  const done = facts.operations.slice(0, facts.spared.process);
  const least = done.findLastIndex(({ kind, rejected }) => kind === "truncation" && !rejected) + 1;
  let nearest = "";
  for (const { count, held } of histories(facts)) {
    if (count < least || held.length < endOffset) continue;
    const wrong = difference(shown, held);
    if (wrong === undefined) return undefined;
    nearest = `, and as after ${count} operations but for ${wrong}`;
  }
  return `ends at ${endOffset}: no beginning of what it held after any of ${least} to ${facts.operations.length} operations${nearest}`;
}

/**
 * After damage to the medium, and where the disk has lied. The log may hold less if it says so, or if nothing on
 * disk tells that there was more; after a close in order there is something that tells.
 */
export function judgeDamaged(shown: Shown, facts: Facts): string | undefined {
  const whole = judge(shown, facts, "machine");
  if (typeof whole === "number") return undefined;
  if (facts.closed && !facts.doubtful) return `shows less than it was closed with: ${whole}`;
  const least = { ...facts, spared: { process: 0, machine: 0 }, startMin: 0 };
  const verdict = judge(shown, least, "machine");
  return typeof verdict === "string" ? verdict : undefined;
}

/** What a repair kept: a run of what the log held, and what the repair said it would. */
export function judgeRepaired(shown: Shown, facts: Facts): string | undefined {
  const { startOffset, endOffset } = shown;
  const { kept = { from: startOffset, to: endOffset } } = facts;
  if (startOffset !== kept.from || endOffset !== kept.to)
    return `keeps ${startOffset} to ${endOffset}, not ${kept.from} to ${kept.to}`;
  const any = {
    ...facts,
    spared: { process: 0, machine: 0 },
    startMin: 0,
    startMax: Number.POSITIVE_INFINITY,
  };
  const verdict = judge(shown, any, "machine");
  return typeof verdict === "string" ? verdict : undefined;
}

/** What the log held after each number of operations. */
function* histories({ operations }: Facts): Generator<{
  readonly count: number;
  readonly held: readonly ModelRecord[];
}> {
  let held: ModelRecord[] = [];
  for (let count = 0; ; count++) {
    yield { count, held };
    const operation = operations[count];
    if (operation === undefined) return;
    if (operation.rejected) continue;
    held =
      operation.kind === "truncation"
        ? held.slice(0, operation.from)
        : [...held, ...operation.records];
  }
}

function difference(
  { startOffset, records }: Shown,
  held: readonly ModelRecord[],
): string | undefined {
  for (const [index, { payload, time }] of records.entries()) {
    const wanted = held[startOffset + index];
    const offset = startOffset + index;
    if (wanted === undefined) return `a record too many at ${offset}`;
    if (Buffer.compare(wanted.payload, payload) !== 0) return `the payload at ${offset}`;
    if (wanted.time !== time) return `the time at ${offset}: ${time}, not ${wanted.time}`;
  }
  return undefined;
}

/** What two openings showed differently, if anything. */
export function differenceOf(shown: Shown, wanted: Shown): string | undefined {
  const { startOffset, endOffset } = wanted;
  if (shown.startOffset !== startOffset || shown.endOffset !== endOffset)
    return `shows ${shown.startOffset} to ${shown.endOffset}, not ${startOffset} to ${endOffset}`;
  const held: ModelRecord[] = [];
  held.length = startOffset;
  return difference(shown, [...held, ...wanted.records]);
}
