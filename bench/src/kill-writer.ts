// Run as a process of its own: opens the log in a directory, appends, and is killed in the middle of it.

import { Log } from "@tidemark/wal";
import { appendSome } from "./log-filling.js";

const [directory = "", segmentBytes = ""] = process.argv.slice(2);
const log = await Log.open(directory, { durability: "os", segmentBytes: Number(segmentBytes) });
await appendSome(log);
void appendSome(log);
process.kill(process.pid, "SIGKILL");
