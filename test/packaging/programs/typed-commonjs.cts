// What a user of TypeScript gets in CommonJS.

import kv = require("@tidemark/kv");

export const open: () => Promise<kv.Database<string>> = () => kv.Database.open<string>("/texts");
