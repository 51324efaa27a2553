// Run as a process of its own for each measurement: one call of one system. Answers its parent with what it measured.

import type { Errand } from "./errand.js";
import type { Measured, Place } from "./scenario.js";
import { scenarios } from "./scenarios.js";

async function run({ scenario, system, step, ...place }: Errand): Promise<Measured> {
  const found = scenarios.find(({ name }) => name === scenario)?.systems[system];
  if (found === undefined) throw new Error(`there is no ${system} in ${scenario}`);
  const where: Place = place;
  if (step === "measure") return await found.measure(where);
  await found.prepare?.(where);
  return {};
}

// Whoever started it may be gone: nothing goes on without an addressee.
process.once("disconnect", () => process.exit());
const errand = JSON.parse(process.argv[2] ?? "") as Errand;
const measured = await run(errand);
process.send?.(measured, () => process.exit());
