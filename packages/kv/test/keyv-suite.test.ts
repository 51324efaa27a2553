// Keyv's own suite for stores, as it is published: with values as Keyv serializes them, and with values as they are.

import keyvTestSuite, { keyvIteratorTests } from "@keyv/test-suite";
import { TidemarkKeyv } from "@tidemark/kv/keyv";
import { Keyv, type KeyvOptions } from "keyv";
import * as vitest from "vitest";
import { openDatabase } from "./fixture.js";

const { afterEach, beforeEach, describe, expect, test } = vitest;

/** Values go to the store as they are. */
class PlainKeyv extends Keyv {
  constructor(options: KeyvOptions = {}) {
    super(options);
    this.serialize = undefined;
    this.deserialize = undefined;
  }
}

/** Of the suite at the version that the lockfile names. */
const TESTS = { whole: 38, iterator: 4 };

describe.each([
  ["serialized", Keyv],
  ["plain", PlainKeyv],
])("values %s", (_, keyv) => {
  const ran = { whole: new Set<string>(), iterator: new Set<string>() };

  describe.each(["whole", "iterator"] as const)("%s", (part) => {
    let store: () => TidemarkKeyv;

    beforeEach(async () => {
      const database = await openDatabase();
      store = () => new TidemarkKeyv(database);
    });
    afterEach(({ task }) => {
      ran[part].add(task.name);
    });
    const suite = part === "whole" ? keyvTestSuite : keyvIteratorTests;
    suite(vitest, keyv as typeof Keyv, () => store());
  });

  test("and the suite is as long as it was when it was last looked at", () => {
    expect({ whole: ran.whole.size, iterator: ran.iterator.size }).toEqual(TESTS);
  });
});
