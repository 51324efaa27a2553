// The memory through which a committer tells its thread what to do: one request at a time, written by
// the committer before it bumps `request`, read by the thread after.

/** What the thread is started with. */
export interface ThreadMemory {
  /** `CONTROL_BYTES`: the words below. */
  readonly control: SharedArrayBuffer;
  /** The bytes to write, from its beginning. */
  readonly staging: SharedArrayBuffer;
}

export const CONTROL_BYTES = 32;

/** Places in the control block as 32-bit words. The thread sleeps on `request`, which counts the requests. */
export const Word = { request: 0, phase: 1, fd: 2, length: 3, durable: 4 };

/** Place in the control block as 64-bit floats. */
export const POSITION = 3;

/** How far the thread is with the request: tells its death before the datasync from one in it or after. */
export const Phase = { writing: 0, syncing: 1 };

/** From the thread: it waits for requests now, or how one went; `code` is the system's name of the error. */
export type FromThread =
  | { readonly kind: "ready" }
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly code: string };
