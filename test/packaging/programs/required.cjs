// CommonJS: prints what `require` gives, or why not.

try {
  const { Database } = require("@tidemark/kv");
  const { Log } = require("@tidemark/wal");
  console.log(typeof Database.open, typeof Log.open);
} catch (error) {
  if (!(error instanceof Error && "code" in error)) throw error;
  console.log(`${error.code} ${error.message}`);
}
