// What compiles for a user, and what does not. The compiler is the test: nothing here is run.

import type {
  AtOptions,
  CheckpointOptions,
  Database,
  DatabaseOptions,
  Immediate,
  PutOptions,
  RestoreOptions,
  WriteOptions,
} from "@tidemark/kv";
import { expectTypeOf, test } from "vitest";

test("options that may be undefined can be handed on", () => {
  const [signal, flag, nothing] = [undefined, undefined, undefined] as [
    AbortSignal | undefined,
    boolean | undefined,
    undefined,
  ];
  const given: readonly [
    AtOptions,
    CheckpointOptions,
    WriteOptions,
    PutOptions,
    RestoreOptions,
    DatabaseOptions,
  ] = [
    { signal },
    { signal, onProgress: nothing },
    { sync: flag },
    { sync: flag, ttl: nothing },
    { dryRun: flag, signal, onProgress: nothing, clock: nothing, fileSystem: nothing },
    { readOnly: flag, createIfMissing: flag, errorIfExists: flag, log: nothing, keys: nothing },
  ];
  expectTypeOf(given).toBeObject();
});

test("a transaction gives what its function returns, which is never a promise, not even sometimes", () => {
  expectTypeOf<Immediate<string | number>>().toEqualTypeOf<string | number>();
  expectTypeOf<Immediate<void>>().toEqualTypeOf<void>();
  expectTypeOf<Immediate<unknown>>().toEqualTypeOf<unknown>();
  // What JSON.parse returns, say: nobody knows what it is.
  expectTypeOf<Immediate<ReturnType<typeof JSON.parse>>>().toBeAny();
  expectTypeOf<Immediate<Promise<number>>>().toEqualTypeOf<never>();
  expectTypeOf<Immediate<Promise<number> | number>>().toEqualTypeOf<never>();

  const calls = (db: Database<number>) => [
    db.transaction((tx) => (tx.has("a") ? "yes" : 5)),
    db.transaction((tx) => tx.put("a", 1)),
    db.transaction(() => JSON.parse("1")),
    // @ts-expect-error: sometimes a promise
    db.transaction((tx) => (tx.has("a") ? Promise.resolve(1) : 1)),
    // @ts-expect-error: always one
    db.transaction(async (tx) => tx.get("a")),
  ];
  expectTypeOf(calls).toBeFunction();
});

test("a version that was forgotten is no condition", () => {
  const calls = (db: Database<number>, version: number | undefined) => [
    db.put("a", 1, { ifVersion: version ?? null }),
    // @ts-expect-error: undefined would write whatever there is
    db.put("a", 1, { ifVersion: version }),
  ];
  expectTypeOf(calls).toBeFunction();
});
