// States of the past in memory, so that who asks for the same one shares the work of building it: while it is
// built, while a view holds it, and a little longer.
// Invariant: a state here never changes, and is that of acknowledged commits, which never change either.

import type { State } from "../state/state.js";

/** A state and what is known of it. */
export interface PastState {
  readonly state: State;
  /** Time of its last commit, in ms. */
  readonly time: number;
  /** About what it takes of memory, in bytes. */
  readonly bytes: number;
}

/** Bounds of what is kept though nobody holds it. */
export interface KeptLimits {
  readonly count: number;
  /** For all together. */
  readonly bytes: number;
}

const LIMITS: KeptLimits = { count: 4, bytes: 64 * 1024 * 1024 };

/** Builds the state whose last commit has this offset, from what it is made of. */
export type Build<S> = (offset: number, signal: AbortSignal, source: S) => Promise<PastState>;

/** A state being built, for all who wait for it; ended when nobody does any more. */
interface Building {
  readonly built: Promise<PastState>;
  readonly ending: AbortController;
  waiting: number;
}

/** A state that may still be held by a view. */
interface Held extends Omit<PastState, "state"> {
  readonly state: WeakRef<State>;
}

export class PastStates<S> {
  readonly #build: Build<S>;
  readonly #limits: KeptLimits;
  readonly #building = new Map<number, Building>();
  readonly #held = new Map<number, Held>();
  /** The one that was asked for longest ago first. */
  readonly #kept = new Map<number, PastState>();

  constructor(build: Build<S>, limits = LIMITS) {
    this.#build = build;
    this.#limits = limits;
  }

  /** Rejects with the signal's reason, which ends nobody else's waiting, or as building does. */
  async get(offset: number, signal: AbortSignal, source: S): Promise<PastState> {
    const found = this.#find(offset) ?? (await this.#wait(offset, signal, source));
    this.#keep(offset, found);
    return found;
  }

  /** Lets go of all that nobody holds. */
  clear(): void {
    this.#kept.clear();
    this.#held.clear();
  }

  #find(offset: number): PastState | undefined {
    const held = this.#held.get(offset);
    const state = held?.state.deref();
    return held && state && { ...held, state };
  }

  async #wait(offset: number, signal: AbortSignal, source: S): Promise<PastState> {
    const building = this.#building.get(offset) ?? this.#begin(offset, source);
    building.waiting += 1;
    try {
      return await unlessAborted(building.built, signal);
    } finally {
      building.waiting -= 1;
      if (building.waiting === 0) await this.#end(offset, building, signal.reason);
    }
  }

  #begin(offset: number, source: S): Building {
    const ending = new AbortController();
    const building = { built: this.#build(offset, ending.signal, source), ending, waiting: 0 };
    this.#building.set(offset, building);
    return building;
  }

  /** Resolves once it no longer reads anything. */
  async #end(offset: number, { built, ending }: Building, reason: unknown): Promise<void> {
    this.#building.delete(offset);
    ending.abort(reason);
    // Those who waited have been told how it went.
    await built.catch(() => undefined);
  }

  #keep(offset: number, found: PastState): void {
    for (const [at, { state }] of this.#held) {
      if (state.deref() === undefined) this.#held.delete(at);
    }
    const { state, time, bytes } = found;
    this.#held.set(offset, { state: new WeakRef(state), time, bytes });
    if (bytes > this.#limits.bytes) return;
    this.#kept.delete(offset);
    this.#kept.set(offset, found);
    this.#trim();
  }

  #trim(): void {
    let bytes = 0;
    for (const kept of this.#kept.values()) bytes += kept.bytes;
    for (const [offset, kept] of this.#kept) {
      if (bytes <= this.#limits.bytes && this.#kept.size <= this.#limits.count) return;
      this.#kept.delete(offset);
      bytes -= kept.bytes;
    }
  }
}

/** What a promise gives, unless the signal is aborted before. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let end: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    end = () => reject(signal.reason);
  });
  signal.addEventListener("abort", end);
  if (signal.aborted) end();
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", end);
  }
}
