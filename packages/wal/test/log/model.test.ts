// The log against a model: any sequence of what can be done to it, with kills at any call in between.
// After each kill: acknowledged ⊆ recovered ⊆ issued, a prefix in whole batches, offsets without gaps.

import type { Durability } from "@tidemark/wal";
import fc from "fast-check";
import { expect, test } from "vitest";
import { refusal } from "./fixture.js";
import { expectRecords, type Issued, Model, type Options, Subject } from "./model.js";
import { manifestOf } from "./store-bytes.js";

type Command = fc.AsyncCommand<Model, Subject>;

/** A command that is always possible; what it names itself shows in a counterexample. */
function command(name: string, run: (model: Model, subject: Subject) => Promise<void>): Command {
  return { check: () => true, run, toString: () => name };
}

/** A place in [start, end], given as a part of it: models of all sizes can be shrunk together. */
function place(model: Model, part: number): number {
  return model.start + Math.round((model.end - model.start) * part);
}

const parts = fc.double({ min: 0, max: 1, noNaN: true });
const lengths = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 200 }) },
  { weight: 3, arbitrary: fc.integer({ min: 200, max: 3000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 3000, max: 9000 }) },
);
const options: fc.Arbitrary<Options> = fc.record({
  durability: fc.constantFrom<Durability>("commit", "interval", "os"),
  segmentBytes: fc.constantFrom(4096, 4096, 6000, 20_000),
  noteAfterMs: fc.constantFrom(0, 0, 1),
});
/** Appends issued at once: single ones and batches, some asking for a sync. */
const appends = fc.array(
  fc.record({ lengths: fc.array(lengths, { minLength: 1, maxLength: 5 }), sync: fc.boolean() }),
  { minLength: 1, maxLength: 8 },
);
/** How many calls of the file system go through before a kill. */
const calls = fc.integer({ min: 0, max: 30 });

interface Wanted {
  readonly lengths: readonly number[];
  readonly sync: boolean;
}

/** Issues appends without waiting; `acknowledgedEnd` grows as they resolve. */
function issue(subject: Subject, wanted: readonly Wanted[]) {
  const issued: Issued[] = [];
  const state = { acknowledgedEnd: subject.log.endOffset };
  const appended = wanted.map(async ({ lengths, sync }) => {
    const payloads = lengths.map((length) => subject.payload(length));
    const first = subject.log.endOffset;
    issued.push({ first, payloads });
    const [only] = payloads;
    const single = payloads.length === 1 && only !== undefined;
    const offset = await (single
      ? subject.log.append(only, { sync })
      : subject.log.appendBatch(payloads, { sync }));
    expect(offset).toBe(first);
    if (sync) expect(subject.log.durableOffset).toBeGreaterThanOrEqual(first + payloads.length);
    state.acknowledgedEnd = Math.max(state.acknowledgedEnd, first + payloads.length);
  });
  return { issued, state, done: Promise.all(appended) };
}

const append = appends.map((wanted) =>
  command(`append ${JSON.stringify(wanted)}`, async (model, subject) => {
    const { issued, state, done } = issue(subject, wanted);
    await done;
    subject.learn(issued, state.acknowledgedEnd);
    expect(model.end).toBe(state.acknowledgedEnd);
  }),
);

const sync = fc.constant(
  command("sync", async (model, subject) => {
    expect(await subject.log.sync()).toBe(model.end);
    expect(subject.log.durableOffset).toBe(model.end);
  }),
);

const passTime = fc.integer({ min: -5000, max: 20_000 }).map((ms) =>
  command(`${ms} ms pass`, async (model) => {
    model.now = Math.max(0, model.now + ms);
  }),
);

const truncateBefore = parts.map((part) =>
  command(`truncate before ${part}`, async (model, subject) => {
    const offset = place(model, part);
    await subject.log.truncateBefore(offset);
    expect(subject.log.startOffset).toBeLessThanOrEqual(Math.max(offset, model.start));
    expect(subject.log.startOffset).toBeGreaterThanOrEqual(model.start);
    model.start = subject.log.startOffset;
    // Nothing is left that could have gone.
    const first = manifestOf(subject.log.directory).segments[0];
    if (first?.state === "sealed") expect(first.endOffset).toBeGreaterThan(offset);
    subject.expectSame();
  }),
);

const truncateFrom = parts.map((part) =>
  command(`truncate from ${part}`, async (model, subject) => {
    const offset = place(model, part);
    await subject.log.truncateFrom(offset);
    model.records.length = offset;
    subject.expectSame();
    expect(subject.log.durableOffset).toBe(offset);
  }),
);

const appendAroundTruncation = fc.tuple(appends, parts, appends).map(([before, part, after]) =>
  command(`append around a truncation from ${part}`, async (model, subject) => {
    const first = issue(subject, before);
    const offset = model.start + Math.round((subject.log.endOffset - model.start) * part);
    const truncated = subject.log.truncateFrom(offset);
    expect(subject.log.endOffset).toBe(offset);
    const second = issue(subject, after);
    await Promise.all([first.done, truncated, second.done]);
    // What is below the cut was written before it; times of the rest follow from the clock.
    model.records.length = Math.min(model.end, offset);
    const kept = first.issued.flatMap(({ first, payloads }) =>
      payloads.map((payload, index) => ({ first: first + index, payloads: [payload] })),
    );
    subject.learn([...kept.filter(({ first }) => first < offset), ...second.issued], offset);
    expect(model.end).toBe(second.state.acknowledgedEnd);
  }),
);

const reopen = options.map((next) =>
  command(`reopen ${JSON.stringify(next)}`, async (_model, subject) => {
    await subject.log.close();
    await subject.openIn(subject.log.directory, next);
    expect(subject.log.recovery).toMatchObject({ orderly: true, torn: undefined, removed: [] });
    expect(subject.log.recovery.rewrittenBytes).toBe(0);
    subject.expectSame();
  }),
);

const killInAppends = fc.tuple(appends, calls, calls, options).map(([wanted, at, again, next]) =>
  command(
    `kill after ${at} calls in ${JSON.stringify(wanted)}, then ${again}`,
    async (model, subject) => {
      const { issued, state, done } = issue(subject, wanted);
      let acknowledgedEnd = model.end;
      const image = await subject.kill(at, done, () => {
        acknowledgedEnd = state.acknowledgedEnd;
      });
      await subject.recover(image, next, again);
      subject.learn(issued, acknowledgedEnd);
      expect(subject.log.durableOffset).toBe(model.end);
    },
  ),
);

const killInTruncateFrom = fc.tuple(parts, calls, calls, options).map(([part, at, again, next]) =>
  command(
    `kill after ${at} calls in truncate from ${part}, then ${again}`,
    async (model, subject) => {
      const offset = place(model, part);
      let done = false;
      const truncated = subject.log.truncateFrom(offset).then(() => {
        done = true;
      });
      let doneByThen = false;
      const image = await subject.kill(at, truncated, () => {
        doneByThen = done;
      });
      await subject.recover(image, next, again);
      const { endOffset } = subject.log;
      expect(doneByThen ? [offset] : [offset, model.end]).toContain(endOffset);
      model.records.length = endOffset;
      subject.expectSame();
    },
  ),
);

const killInTruncateBefore = fc.tuple(parts, calls, calls, options).map(([part, at, again, next]) =>
  command(
    `kill after ${at} calls in truncate before ${part}, then ${again}`,
    async (model, subject) => {
      const offset = place(model, part);
      const truncated = subject.log.truncateBefore(offset);
      const image = await subject.kill(at, truncated);
      await subject.recover(image, next, again);
      expect(subject.log.startOffset).toBeLessThanOrEqual(Math.max(offset, model.start));
      expect(subject.log.startOffset).toBeGreaterThanOrEqual(model.start);
      model.start = subject.log.startOffset;
      subject.expectSame();
    },
  ),
);

const killInClose = fc.tuple(calls, calls, options).map(([at, again, next]) =>
  command(`kill after ${at} calls in close, then ${again}`, async (_model, subject) => {
    const image = await subject.kill(at, subject.log.close());
    await subject.recover(image, next, again);
    subject.expectSame();
  }),
);

const readRange = fc.tuple(parts, parts).map(([a, b]) =>
  command(`read from ${a} to ${b}`, async (model, subject) => {
    const [from, to] = [place(model, a), place(model, b)];
    expectRecords([...subject.log.records({ from, to })], model, from, to);
    if (from < model.end) expectRecords([subject.log.read(from)], model, from, from + 1);
    else expect((await refusal(() => subject.log.read(from))).code).toBe("LOG_OUT_OF_RANGE");
  }),
);

const findTime = fc.tuple(parts, fc.integer({ min: -2, max: 2 })).map(([part, by]) =>
  command(`find the time of ${part} and ${by} ms`, async (model, subject) => {
    const near = model.records[Math.min(place(model, part), model.end - 1)]?.time ?? model.now;
    expect(subject.log.offsetAt(near + by)).toBe(model.offsetAt(near + by));
    expect(subject.log.offsetAt(new Date(near))).toBe(model.offsetAt(near));
    expect(subject.log.offsetAt(0)).toBe(model.start);
    expect(subject.log.offsetAt(model.latest + 1)).toBe(model.end);
  }),
);

const follow = parts.map((part) =>
  command(`follow from ${part}`, async (model, subject) => {
    const from = place(model, part);
    await subject.log.sync();
    const abort = new AbortController();
    const followed = [];
    const follower = subject.log.follow({ from, signal: abort.signal });
    for (let offset = from; offset < model.end; offset++) {
      const { value } = await follower.next();
      if (value !== undefined) followed.push(value);
    }
    expectRecords(followed, model, from, model.end);
    const next = follower.next();
    abort.abort(new Error("enough"));
    await expect(next).rejects.toThrow("enough");
  }),
);

const readBeside = fc.constant(
  command("read beside the writer", (_model, subject) => subject.readBeside()),
);

test("the log does what its model does, through any sequence of calls and kills", async () => {
  const commands = fc.commands(
    [
      append,
      append,
      append,
      sync,
      passTime,
      truncateBefore,
      truncateFrom,
      appendAroundTruncation,
      reopen,
      killInAppends,
      killInAppends,
      killInTruncateFrom,
      killInTruncateBefore,
      killInClose,
      readRange,
      findTime,
      follow,
      readBeside,
    ],
    { maxCommands: 40, size: "+1" },
  );
  await fc.assert(
    fc.asyncProperty(commands, options, async (sequence, first) => {
      const model = new Model();
      const subject = await Subject.open(model, first);
      try {
        await fc.asyncModelRun(() => ({ model, real: subject }), sequence);
        await subject.log.close();
        await subject.openIn(subject.log.directory, first);
        subject.expectSame();
      } finally {
        await Promise.allSettled([subject.log.close(), subject.reader?.close()]);
      }
    }),
    { numRuns: 60, interruptAfterTimeLimit: 12_000 },
  );
});
