// What @tidemark/kv/level exports, and nothing else.

export { LevelError } from "./errors.js";
export type { LevelKey } from "./keys.js";
export type { LevelDatabase, LevelStoreOptions } from "./open.js";
export type { LevelSnapshot, LevelView } from "./snapshot.js";
export {
  type LevelBatchOptions,
  type LevelClearOptions,
  type LevelDatabaseOptions,
  type LevelDelOptions,
  type LevelOpenOptions,
  type LevelPutOptions,
  TidemarkLevel,
} from "./tidemark-level.js";
export type { LevelValue } from "./values.js";
