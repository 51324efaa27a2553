// What runs the suite of abstract-level, which comes without types.

declare module "abstract-level/test/index.js" {
  import type { LevelDatabaseOptions, TidemarkLevel } from "@tidemark/kv/level";
  import type test from "tape";

  export default function suite(options: {
    test: typeof test;
    factory(options?: LevelDatabaseOptions<string, string>): TidemarkLevel;
  }): void;
}

declare module "tape" {
  export default function test(name: string, run: (t: object) => unknown): void;
}
