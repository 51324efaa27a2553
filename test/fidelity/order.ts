// What of the order of calls is the log's promise. Sealing and preparing run beside commits, so between the two
// the order is free but for the rules here; within each it is one only.

/** Calls about one of the two, in order; `told` lines go with the commits that they tell of. */
export interface Lanes {
  readonly commits: readonly string[];
  readonly structure: readonly string[];
}

export function lanesOf(lines: readonly string[]): Lanes {
  const isCommit = (line: string) => /^told |^(write|datasync) \S+\/\d+\.log(?: |$)/.test(line);
  return {
    commits: lines.filter(isCommit),
    structure: lines.filter((line) => !isCommit(line)),
  };
}

/** The rules that calls break, in words; for a log at durability "commit" that is written to one append at a time. */
export function broken(lines: readonly string[]): string[] {
  const found: string[] = [];
  const rules = [new Acknowledgements(), new Manifests()];
  for (const line of lines) {
    const [call = "", path = "", more = ""] = line.split(" ");
    for (const rule of rules) {
      const reason = rule.next(call, path, more);
      if (reason !== undefined) found.push(`${line}: ${reason}`);
    }
  }
  return found;
}

const STORE = /\/\d+\.log$/;

/** An append is acknowledged once all that was written to any store is synced. */
class Acknowledgements {
  readonly #unsynced = new Set<string>();

  next(call: string, path: string): string | undefined {
    if (call === "write" && STORE.test(path)) this.#unsynced.add(path);
    if (call === "datasync" || call === "sync") this.#unsynced.delete(path);
    if (call !== "told" || path !== "offset" || this.#unsynced.size === 0) return undefined;
    return `told before ${[...this.#unsynced].join(" and ")} was synced`;
  }
}

/** Names are durable before the manifest counts on them, and the manifest before what it says is done. */
class Manifests {
  /** Names in a directory that are not durable yet. */
  readonly #pending = new Map<string, Set<string>>();
  readonly #unsyncedFiles = new Set<string>();
  /** Stores that came into being in these lines, and are not in a durable manifest yet. */
  readonly #unlisted = new Set<string>();

  next(call: string, path: string, to: string): string | undefined {
    const directory = (call === "rename" ? to : path).replace(/\/[^/]*$/, "");
    switch (call) {
      case "rename":
        return this.#rename(path, to, directory);
      case "write":
        this.#unsyncedFiles.add(path);
        if (this.#unlisted.has(path)) return "written before a durable manifest names it";
        break;
      case "sync":
      case "datasync":
        this.#unsyncedFiles.delete(path);
        break;
      case "syncDirectory":
        if (this.#pending.get(path)?.has(`${path}/MANIFEST`) === true) this.#unlisted.clear();
        this.#pending.delete(path);
        break;
      case "unlink":
        if (
          /\/\d+\.(log|idx)$/.test(path) &&
          this.#pending.get(directory)?.has(`${directory}/MANIFEST`)
        )
          return "removed before the manifest that lets go of it is durable";
    }
    return undefined;
  }

  #rename(from: string, to: string, directory: string): string | undefined {
    const pending = this.#pending.get(directory) ?? new Set<string>();
    const stores = [...pending].filter((name) => STORE.test(name));
    this.#pending.set(directory, pending.add(to));
    if (STORE.test(to)) this.#unlisted.add(to);
    if (this.#unsyncedFiles.delete(from)) return "renamed before its bytes were synced";
    if (!to.endsWith("/MANIFEST") || stores.length === 0) return undefined;
    return `replaced before the name of ${stores.join(" and ")} is durable`;
  }
}
