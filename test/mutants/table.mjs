// What became of the mutants, as a table to be read on a screen or in a document.

/**
 * @typedef {object} Outcome
 * @property {import("./list.mjs").Mutant} mutant
 * @property {"caught" | "survived" | "error"} verdict
 * @property {string} by the test that caught it, or what went wrong
 * @property {number} states crash states that this test had looked at
 * @property {number} seconds from the beginning of its tests on
 */

/** @param {Outcome} outcome */
function cells({ mutant, verdict, by, states, seconds }) {
  const test = verdict === "caught" ? by : verdict === "survived" ? "SURVIVED" : "ERROR";
  return [mutant.name, mutant.breaks, test, states === 0 ? "" : String(states), seconds.toFixed(1)];
}

/** @param {readonly Outcome[]} outcomes */
export function markdownTable(outcomes) {
  const rows = outcomes.map((outcome) =>
    cells(outcome).map((cell) => cell.replaceAll("|", "\\|").replaceAll("<", "&lt;")),
  );
  const head = ["mutant", "what it breaks", "caught by", "crash states", "s"];
  return [head, ["---", "---", "---", "--:", "--:"], ...rows]
    .map((row) => `| ${row.join(" | ")} |`)
    .join("\n");
}

/** @param {Outcome} outcome */
export function line(outcome) {
  const { name } = outcome.mutant;
  const seconds = `${outcome.seconds.toFixed(1)} s`.padStart(7);
  const states = outcome.states === 0 ? "" : ` after ${outcome.states} crash states`;
  if (outcome.verdict === "error") return `ERROR     ${seconds}  ${name}: ${outcome.by}`;
  if (outcome.verdict === "survived") return `SURVIVED  ${seconds}  ${name}: ${outcome.by}`;
  return `caught    ${seconds}  ${name}${states}: ${outcome.by}`;
}

/** @param {readonly Outcome[]} outcomes */
export function summary(outcomes) {
  const count = (/** @type {Outcome["verdict"]} */ verdict) =>
    outcomes.filter((outcome) => outcome.verdict === verdict).length;
  return `${outcomes.length} mutants: ${count("caught")} caught, ${count("survived")} survived, ${count("error")} errors`;
}
