// Tells whether the kernel's lock is to be had: its addon is found and loads.

import { rmSync } from "node:fs";
import { nodeFileSystem } from "@tidemark/wal";

const file = await nodeFileSystem.create("file-to-lock");
console.log(file.tryLock());
await file.close();
rmSync("file-to-lock");
