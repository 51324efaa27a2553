// What @tidemark/kv/keyv exports, and nothing else.

export {
  type KeyvStoreOpts,
  TidemarkKeyv,
  type TidemarkKeyvEntry,
  type TidemarkKeyvOptions,
} from "./store.js";
