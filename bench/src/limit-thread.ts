// Run as a thread of its own: the loop of the limit, which sends back how long each of its writes took.

import { parentPort, workerData } from "node:worker_threads";
import { timeWriteLoop } from "./systems/limit.js";

export interface LoopTask {
  readonly directory: string;
  readonly records: number;
  readonly ms: number;
}

const { directory, records, ms }: LoopTask = workerData;
parentPort?.postMessage(timeWriteLoop(directory, records, ms));
