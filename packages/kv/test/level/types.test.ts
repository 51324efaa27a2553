// What compiles for a user of Level, and what does not. The compiler is the test: nothing here is run.

import type { LevelDatabase, LevelSnapshot } from "@tidemark/kv/level";
import { TidemarkLevel } from "@tidemark/kv/level";
import type { AbstractLevel } from "abstract-level";
import { expectTypeOf, test } from "vitest";

test("it is an AbstractLevel, typed by its default encodings", () => {
  type Texts = TidemarkLevel<string, string>;
  expectTypeOf<TidemarkLevel>().toEqualTypeOf<Texts>();
  expectTypeOf<Texts>().toExtend<AbstractLevel<string | Buffer | Uint8Array, string, string>>();

  const use = async () => {
    const level = new TidemarkLevel<string, { celsius: number }>("here", {
      valueEncoding: "json",
      createIfMissing: true,
      checkpointBytes: 1024,
      log: { durability: "os" },
    });
    await level.put("kitchen", { celsius: 21 }, { sync: true });
    await level.del("kitchen", { sync: true });
    await level.batch([{ type: "put", key: "a", value: { celsius: 1 } }], { sync: true });
    await level.batch().put("a", { celsius: 1 }).write({ sync: true });
    await level.clear({ gte: "a", sync: true });
    await level.put(1, "text", { keyEncoding: "json", valueEncoding: "utf8" });
    await level.open({ readOnly: true });
    expectTypeOf(level.getSync("kitchen")).toEqualTypeOf<{ celsius: number } | undefined>();
    expectTypeOf(await level.getMany(["a"])).toEqualTypeOf<({ celsius: number } | undefined)[]>();
    expectTypeOf(await level.iterator().all()).toEqualTypeOf<[string, { celsius: number }][]>();
    expectTypeOf(level.database).toEqualTypeOf<LevelDatabase>();
    expectTypeOf(level.database.get("kitchen")).toEqualTypeOf<string | Uint8Array | undefined>();
    expectTypeOf(await level.at({ offset: 1 })).toEqualTypeOf<LevelSnapshot>();
    const rooms = level.sublevel<string, number>("rooms", { valueEncoding: "json" });
    expectTypeOf(await rooms.get("a", { snapshot: await level.at({ mark: "b" }) })).toEqualTypeOf<
      number | undefined
    >();

    // @ts-expect-error: no such value
    await level.put("kitchen", "warm");
    // @ts-expect-error: no such option
    await level.put("kitchen", { celsius: 21 }, { ttl: 5 });
    // @ts-expect-error: the keys are bytes
    new TidemarkLevel("here", { keys: "string" });
  };
  expectTypeOf(use).toBeFunction();
});
