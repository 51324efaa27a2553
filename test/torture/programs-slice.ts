// A slice of programs by chance on a simulated disk, and of what crashes of them leave.

import { CrashTally } from "@tidemark/wal/testing";
import { explorePrograms as exploreDatabases } from "../../packages/kv/test/crash/explore-programs.js";
import type { Program as DatabaseProgram } from "../../packages/kv/test/crash/program.js";
import { replayLine as databaseLine } from "../../packages/kv/test/crash/workload.js";
import { explorePrograms as exploreLogs } from "../../packages/wal/test/crash/explore-programs.js";
import { replayLine as logLine } from "../../packages/wal/test/crash/workload.js";
import { NOTHING, type Slice, type Tally } from "./slice.js";

export class ProgramsSlice {
  readonly #slice: Slice;
  readonly #tellAt: (replayLine: string) => void;
  readonly #explored = new CrashTally();
  readonly #cpuBefore = process.cpuUsage();
  #programs = 0;

  constructor(slice: Slice, tellAt: (replayLine: string) => void) {
    this.#slice = slice;
    this.#tellAt = tellAt;
  }

  get tally(): Tally {
    const { states, opened } = this.#explored;
    const { user, system } = process.cpuUsage(this.#cpuBefore);
    return { ...NOTHING, states, opened, programs: this.#programs, cpuUs: user + system };
  }

  /** Throws what is wrong. */
  async run(): Promise<void> {
    const { part, kind, seed, durationMs } = this.#slice;
    const exploration = { kind, seed, durationMs };
    if (part === "log") {
      const onProgram = this.#begin(logLine);
      await exploreLogs({ ...exploration, onProgram }, this.#explored);
    } else {
      const onProgram = this.#begin((program: DatabaseProgram) => databaseLine({ program }));
      await exploreDatabases({ ...exploration, onProgram }, this.#explored);
    }
  }

  #begin<Program>(lineOf: (program: Program) => string): (program: Program) => void {
    return (program) => {
      this.#programs += 1;
      this.#tellAt(lineOf(program));
    };
  }
}
