// Levels in directories of their own: the verbs of these tests.

import { type LevelDatabaseOptions, TidemarkLevel } from "@tidemark/kv/level";
import { expect, onTestFinished } from "vitest";
import { freshPath, letGo } from "../fixture.js";

/** Opens a level; closed after the test if the test does not. */
export async function openLevel<K = string, V = string>(
  location = freshPath(),
  options: LevelDatabaseOptions<K, V> = {},
): Promise<TidemarkLevel<K, V>> {
  const level = levelAt<K, V>(location, options);
  await level.open();
  return level;
}

/** A level that opens by itself. */
export function levelAt<K = string, V = string>(
  location = freshPath(),
  options: LevelDatabaseOptions<K, V> = {},
): TidemarkLevel<K, V> {
  const level = new TidemarkLevel<K, V>(location, options);
  onTestFinished(() => letGo(level));
  return level;
}

/** An error with its code, and those behind it. */
export interface Failure extends Error {
  readonly code: string;
  readonly cause?: Failure;
}

/** The error of a call that has to fail with this code. */
export async function failing(code: string, run: () => unknown): Promise<Failure> {
  const error = await Promise.resolve()
    .then(run)
    .then(
      () => new Error("it went well"),
      (failure: unknown) => failure,
    );
  expect(error).toMatchObject({ code });
  return error as Failure;
}

/** The error behind an opening that has to fail, which has this code. */
export async function failingToOpen(code: string, level: TidemarkLevel): Promise<Failure> {
  const { cause } = await failing("LEVEL_DATABASE_NOT_OPEN", () => level.open());
  expect(cause).toMatchObject({ code });
  return cause as Failure;
}
