// The memory through which a committer tells its thread what to do: one request at a time, written by
// the committer before it bumps REQUEST, read by the thread after. The thread alone writes PHASE.

/** Bytes of the shared block. */
export const CONTROL_BYTES = 64;

/** Places in the block as 32-bit words. The thread sleeps on REQUEST, which counts the commits. */
export const Word = { request: 0, phase: 1, fd: 2, buffer: 3, start: 4, length: 5, durable: 6 };

/** Place in the block as 64-bit floats. */
export const POSITION = 4;

/** What the thread is doing, so that its death can be told apart before and after the write. */
export const Phase = { idle: 0, writing: 1, syncing: 2 };

/** To the thread, before the first request that names the buffer by this id. */
export interface ToThread {
  readonly id: number;
  readonly buffer: SharedArrayBuffer;
}

/** From the thread: it waits for requests now, or how one went. */
export type FromThread =
  | { readonly kind: "ready" }
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly code: string; readonly syncing: boolean };
