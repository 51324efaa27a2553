// The rounds of one scenario: every system once in each (A B C, A B C, …), so that drift of the machine hits all alike.

import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { send } from "./errand.js";
import type { Rounds } from "./results.js";
import type { Measured, Scenario } from "./scenario.js";

export interface Course {
  readonly directory: string;
  readonly quick: boolean;
  readonly rounds: number;
  readonly signal: AbortSignal;
  /** Told what comes next. */
  readonly onStep: (step: string) => void;
}

export async function runRounds(scenario: Scenario, course: Course): Promise<Rounds> {
  const missing = new Map<string, string>();
  const measured = new Map<string, Measured[]>();
  for (const [system, { missing: reason }] of Object.entries(scenario.systems)) {
    const why = reason?.(course.directory);
    if (why === undefined) measured.set(system, []);
    else missing.set(system, why);
  }
  const directory = join(course.directory, scenario.name);
  try {
    for (const system of measured.keys()) await prepare(scenario, system, course, directory);
    const rounds = Math.min(course.rounds, scenario.roundsMax ?? course.rounds);
    for (let round = 1; round <= rounds; round++) {
      for (const [system, results] of measured) {
        course.onStep(`${system}, round ${round} of ${rounds}`);
        results.push(await measure(scenario, system, course, directory));
      }
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  return { scenario, measured, missing };
}

async function prepare(
  scenario: Scenario,
  system: string,
  course: Course,
  directory: string,
): Promise<void> {
  if (scenario.systems[system]?.prepare === undefined) return;
  course.onStep(`${system}, filling`);
  await errand(scenario, system, course, join(directory, system), "prepare");
}

async function measure(
  scenario: Scenario,
  system: string,
  course: Course,
  directory: string,
): Promise<Measured> {
  const place = join(directory, system);
  const prepared = scenario.systems[system]?.prepare !== undefined;
  try {
    return await errand(scenario, system, course, place, "measure");
  } finally {
    if (!prepared) rmSync(place, { recursive: true, force: true });
  }
}

function errand(
  { name }: Scenario,
  system: string,
  { quick, signal }: Course,
  directory: string,
  step: "prepare" | "measure",
): Promise<Measured> {
  mkdirSync(directory, { recursive: true });
  return send({ scenario: name, system, step, directory, quick }, signal);
}
