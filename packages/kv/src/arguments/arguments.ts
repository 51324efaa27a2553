// Checks of what callers give: each names what was given and what is allowed.

import { DatabaseError } from "../errors.js";

/** Whether it is an object of no other properties than these. */
export function hasOnly(given: unknown, known: readonly string[]): boolean {
  if (typeof given !== "object" || given === null || Array.isArray(given)) return false;
  for (const key of Object.keys(given)) if (!isOneOf(key, known)) return false;
  return true;
}

// Property names are compared by where they lie; `includes` compares them character by character.
function isOneOf(key: string, known: readonly string[]): boolean {
  for (const name of known) if (name === key) return true;
  return false;
}

/** Refuses what is no object, or has other properties than these. */
export function checkProperties(name: string, given: unknown, known: readonly string[]): void {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw invalid(name, "an object", given);
  }
  for (const key of Object.keys(given)) {
    if (known.includes(key)) continue;
    throw invalidArgument(
      `${name} has no ${JSON.stringify(key)}; what there is: ${known.join(", ")}`,
    );
  }
}

/** An integer from `min` to `max`, both inclusive. */
export function checkInteger(name: string, given: unknown, min: number, max: number): number {
  if (Number.isSafeInteger(given) && Number(given) >= min && Number(given) <= max) {
    return Number(given);
  }
  throw invalid(name, `an integer from ${min} to ${max}`, given);
}

/** An integer from `min` on, or Infinity for no limit. */
export function checkLimit(name: string, given: unknown, min: number): number {
  if (given === Number.POSITIVE_INFINITY) return given;
  if (Number.isSafeInteger(given) && Number(given) >= min) return Number(given);
  throw invalid(name, `an integer from ${min} on, or Infinity`, given);
}

export function checkBoolean(name: string, given: unknown): boolean {
  if (typeof given === "boolean") return given;
  throw invalid(name, "true or false", given);
}

/** A path that a file system can be asked for. */
export function checkPath(name: string, given: unknown): string {
  if (typeof given === "string" && given !== "" && !given.includes("\0")) return given;
  throw invalid(name, "a path", given);
}

export function checkCallable<F>(name: string, given: F): F {
  if (typeof given === "function") return given;
  throw invalid(name, "a function", given);
}

export function checkSignal(given: unknown): AbortSignal | undefined {
  if (given === undefined || given instanceof AbortSignal) return given;
  throw invalid("signal", "an AbortSignal", given);
}

export function invalid(name: string, expected: string, given: unknown): DatabaseError {
  return invalidArgument(`${name} has to be ${expected}, not ${show(given)}`);
}

export function invalidArgument(message: string): DatabaseError {
  return new DatabaseError("KV_INVALID_ARGUMENT", message);
}

/** What was given, short enough for a message. */
export function show(given: unknown): string {
  if (typeof given === "string") return JSON.stringify(given.slice(0, 80));
  if (typeof given === "function") return "a function";
  if (typeof given === "object" && given !== null) return tagOf(given);
  return String(given);
}

/** What an object calls itself. */
export function tagOf(given: object): string {
  try {
    return Object.prototype.toString.call(given);
  } catch {
    // It was revoked, or what it calls itself is a getter that throws.
    return "[object Proxy]";
  }
}
