// What @tidemark/kv/keyv exports, and nothing else.

export { TidemarkKeyv, type TidemarkKeyvEntry, type TidemarkKeyvOptions } from "./keyv-store.js";
