// The database against a plain Map, through every call in any order: the present, each offset of the past,
// closing, kills, checkpoints, damaged snapshot files, restores.

import { unlinkSync, writeFileSync } from "node:fs";
import { type Database, restore, type View } from "@tidemark/kv";
import fc from "fast-check";
import { expect, test } from "vitest";
import { FaultyDisk } from "./faulty-disk.js";
import { contents, freshPath, killImage, letGo, openDatabase, snapshotFiles } from "./fixture.js";

type Values = ReadonlyMap<string, unknown>;

/** What was written, as plain maps: `states[n]` is the state after commit n. */
class Model {
  states: Values[] = [];
  views: [View, [string, unknown][]][] = [];

  get present(): Values {
    return this.states.at(-1) ?? new Map();
  }

  commit(change: (values: Map<string, unknown>) => void): void {
    const next = new Map(this.present);
    change(next);
    this.states.push(next);
  }
}

interface Real {
  db: Database;
  readonly disk: FaultyDisk;
}

type Command = fc.AsyncCommand<Model, Real>;

function inOrder(values: Values): [string, unknown][] {
  return [...values].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

function options(disk: FaultyDisk) {
  return { log: { fileSystem: disk.fileSystem, segmentBytes: 4096 } };
}

/** Runs, and compares the present afterwards. */
function command(name: string, run: (model: Model, real: Real) => Promise<void>): Command {
  return {
    check: () => true,
    toString: () => name,
    run: async (model, real) => {
      await run(model, real);
      expect(contents(real.db)).toEqual(inOrder(model.present));
      expect(real.db.size).toBe(model.present.size);
      expect(real.db.endOffset).toBe(model.states.length);
    },
  };
}

const key = fc.constantFrom(
  "",
  "a",
  "b",
  "ba",
  "bb",
  "c",
  "é",
  "\uffee",
  "\u{1f600}",
  "z".repeat(300),
);
const value: fc.Arbitrary<unknown> = fc.oneof(
  fc.nat(1000),
  fc.constant(undefined),
  fc.string({ maxLength: 20 }),
  fc.array(fc.record({ n: fc.nat(9), at: fc.date({ noInvalidDate: true }) }), { maxLength: 3 }),
  fc.nat(1500).map((length) => new Uint8Array(length).fill(7)),
);
const write = fc.record({ key, value: fc.option(value, { nil: null }) });
const writes = fc.array(write, { maxLength: 5 });
const range = fc.record(
  { gt: key, gte: key, lt: key, lte: key, prefix: key, reverse: fc.boolean(), limit: fc.nat(4) },
  { requiredKeys: [] },
);

function applyTo(
  values: Map<string, unknown>,
  { key: name, value: given }: { key: string; value: unknown },
) {
  if (given === null) values.delete(name);
  else values.set(name, given);
}

const put = fc.tuple(key, value).map(([name, given]) =>
  command(`put ${name}`, async (model, { db }) => {
    model.commit((values) => values.set(name, given));
    expect(await db.put(name, given)).toBe(model.states.length - 1);
  }),
);

const del = key.map((name) =>
  command(`del ${name}`, async (model, { db }) => {
    model.commit((values) => values.delete(name));
    expect(await db.del(name)).toBe(model.states.length - 1);
  }),
);

const batch = writes.map((operations) =>
  command(`batch of ${operations.length}`, async (model, { db }) => {
    if (operations.length > 0) {
      model.commit((values) => {
        for (const operation of operations) applyTo(values, operation);
      });
    }
    const offset = await db.batch(
      operations.map(({ key: name, value: given }) =>
        given === null ? { type: "del", key: name } : { type: "put", key: name, value: given },
      ),
    );
    expect(offset).toBe(model.states.length - 1);
  }),
);

const transaction = fc.tuple(writes, fc.boolean()).map(([operations, fails]) =>
  command(
    `transaction of ${operations.length}${fails ? " that throws" : ""}`,
    async (model, { db }) => {
      const inside = new Map(model.present);
      const running = db.transaction((tx) => {
        for (const operation of operations) {
          applyTo(inside, operation);
          if (operation.value === null) tx.del(operation.key);
          else tx.put(operation.key, operation.value);
          expect(contents(tx)).toEqual(inOrder(inside));
        }
        if (fails) throw new Error("on purpose");
        return operations.length;
      });
      if (fails) await expect(running).rejects.toThrow("on purpose");
      else {
        if (operations.length > 0) model.states.push(inside);
        expect(await running).toEqual({
          offset: model.states.length - 1,
          result: operations.length,
        });
      }
    },
  ),
);

const together = fc.array(write, { minLength: 2, maxLength: 20 }).map((operations) =>
  command(`${operations.length} at once`, async (model, { db }) => {
    for (const operation of operations) model.commit((values) => applyTo(values, operation));
    await Promise.all(
      operations.map(({ key: name, value: given }) =>
        given === null ? db.del(name) : db.put(name, given),
      ),
    );
  }),
);

const readRange = range.map((given) =>
  command(`range ${JSON.stringify(given)}`, async (model, { db }) => {
    const compare = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
    const { gt, gte, lt, lte, prefix, reverse, limit } = given;
    let expected = inOrder(model.present).filter(
      ([name]) =>
        (gt === undefined || compare(name, gt) > 0) &&
        (gte === undefined || compare(name, gte) >= 0) &&
        (lt === undefined || compare(name, lt) < 0) &&
        (lte === undefined || compare(name, lte) <= 0) &&
        (prefix === undefined || name.startsWith(prefix)),
    );
    if (reverse === true) expected = expected.reverse();
    if (limit !== undefined) expected = expected.slice(0, limit);
    expect([...db.entries(given)]).toEqual(expected);
    await Promise.resolve();
  }),
);

const view = fc.constant(
  command("snapshot", async (model, { db }) => {
    model.views.push([db.snapshot(), inOrder(model.present)]);
    await Promise.resolve();
  }),
);

const at = fc.nat().map((n) =>
  command(`at ${n}`, async (model, { db }) => {
    if (model.states.length === 0) return;
    const offset = n % model.states.length;
    const past = await db.at({ offset });
    const then = inOrder(model.states[offset] ?? new Map());
    expect(contents(past)).toEqual(then);
    model.views.push([past, then]);
  }),
);

const checkpoint = fc.constant(
  command("checkpoint", async (model, { db }) => {
    expect(await db.checkpoint()).toMatchObject({
      endOffset: model.states.length,
      entries: model.present.size,
    });
  }),
);

const damage = fc.nat().map((n) =>
  command(`damage snapshot file ${n}`, async (_, { db }) => {
    const files = snapshotFiles(db.directory);
    const file = files[n % files.length];
    if (file === undefined) return;
    if (n % 2 === 0) writeFileSync(file, "damaged");
    else unlinkSync(file);
    await Promise.resolve();
  }),
);

const reopened = fc.constant(
  command("reopen", async (_, real) => {
    await real.db.close();
    real.db = await openDatabase(real.db.directory, options(real.disk));
  }),
);

const killed = fc.constant(
  command("kill and reopen", async (_, real) => {
    const image = killImage(real.db.directory);
    await letGo(real.db);
    real.db = await openDatabase(image, options(real.disk));
  }),
);

const restoring = fc.nat().map((n) =>
  command(`restore to ${n}`, async (model, { db }) => {
    // What was recovered after a kill is stated as durable, for a reader to see, by the next commit.
    model.commit((values) => values.set("restored", n));
    await db.put("restored", n);
    const offset = n % model.states.length;
    const path = freshPath();
    await restore(db.directory, path, { offset });
    const copy = await openDatabase(path);
    expect(contents(copy)).toEqual(inOrder(model.states[offset] ?? new Map()));
    expect(copy.endOffset).toBe(offset + 1);
    await copy.close();
  }),
);

async function runAgainstModel(commands: Iterable<Command>): Promise<void> {
  const model = new Model();
  const disk = new FaultyDisk();
  const real: Real = { db: await openDatabase(freshPath(), options(disk)), disk };
  await fc.asyncModelRun(() => ({ model, real }), commands);
  for (const [past, then] of model.views) expect(contents(past)).toEqual(then);
  for (const [offset, state] of model.states.entries()) {
    expect(contents(await real.db.at({ offset }))).toEqual(inOrder(state));
  }
  await real.db.close();
}

test("whatever is done, the present and every offset of the past are those of a Map", async () => {
  const commands = fc.commands(
    [
      put,
      put,
      del,
      batch,
      transaction,
      together,
      readRange,
      view,
      at,
      checkpoint,
      damage,
      reopened,
      killed,
    ],
    { maxCommands: 40, size: "max" },
  );
  await fc.assert(fc.asyncProperty(commands, runAgainstModel), { numRuns: 40 });
});

test("a restore to any offset is the Map of then, whatever was done before", async () => {
  const commands = fc.commands([put, batch, together, checkpoint, damage, killed, restoring], {
    maxCommands: 15,
    size: "max",
  });
  await fc.assert(fc.asyncProperty(commands, runAgainstModel), { numRuns: 12 });
});
