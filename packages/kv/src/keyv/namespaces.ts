// The namespaces that one Keyv store serves, and how their keys are held in the database: the namespace as JSON, then the
// key as Keyv gives it.
// Invariant: no two pairs of namespace and key are held as one. A JSON string begins no other one, and `null`, for no
// namespace, begins none, so the parts can be told apart whatever is in them, and a prefix is one namespace.

import { invalid, invalidArgument, show } from "../arguments/arguments.js";

/** Undefined for none, which is a namespace like any other. */
export type Namespace = string | undefined;

/** What the keys of a namespace begin with in the database. */
export function prefixOf(namespace: Namespace): string {
  return JSON.stringify(namespace ?? null);
}

export class Namespaces {
  /** All that this store has been given. */
  readonly #given = new Set<Namespace>();
  #current: Namespace;

  get current(): Namespace {
    return this.#current;
  }

  /**
   * Goes on with a namespace. Keyv gives a store nothing but keys that begin with theirs and `:`, so one that could be mistaken
   * for another of this store is refused with `KV_INVALID_ARGUMENT`.
   */
  use(namespace: Namespace): void {
    if (namespace !== undefined && typeof namespace !== "string") {
      throw invalid("namespace", "a string or undefined", namespace);
    }
    for (const other of this.#given) {
      if (namespace === other || !mistakable(namespace, other)) continue;
      throw invalidArgument(
        `keys of the namespace ${show(namespace)} could not be told from those of ${show(other)}: ${ONE_EACH}`,
      );
    }
    this.#given.add(namespace);
    this.#current = namespace;
  }

  /** The key in the database for one that Keyv gives. */
  stored(key: string): string {
    return prefixOf(this.#ownerOf(key)) + key;
  }

  /** The namespace that a call without keys is about. Throws `KV_INVALID_ARGUMENT` where it could be another. */
  only(): Namespace {
    if (this.#given.size < 2) return this.#current;
    const names = [...this.#given].map(show).join(", ");
    throw invalidArgument(
      `this store has been given the namespaces ${names}, and Keyv does not say which one it means: ${ONE_EACH}`,
    );
  }

  #ownerOf(key: string): Namespace {
    if (this.#given.size < 2) return this.#current;
    for (const namespace of this.#given) if (key.startsWith(`${namespace}:`)) return namespace;
    return this.#current;
  }
}

const ONE_EACH =
  "give each Keyv a store of its own, as in `new TidemarkKeyv(store.database)`; they share the database";

/** Whether some key can be one of both. */
function mistakable(a: Namespace, b: Namespace): boolean {
  if (a === undefined || b === undefined) return true;
  return `${a}:`.startsWith(`${b}:`) || `${b}:`.startsWith(`${a}:`);
}
