// The encoding of values: MessagePack, with the application types below for what it has no form for.
// Documented in docs/format-database.md, "Values".

/** Containers within containers that a value may have, so that neither encoding nor decoding runs out of stack. */
export const NESTING_MAX = 500;

/** Bytes of a BigInt's magnitude: far below what the engine has, which differs from one to the next. */
export const BIGINT_BYTES_MAX = 1024 * 1024;

/** Types of MessagePack extensions. Old logs hold them: none ever changes its meaning. */
export const extension = {
  undefined: 0,
  map: 1,
  set: 2,
  date: 3,
  bigint: 4,
  buffer: 5,
  utf16: 6,
  error: 7,
  regexp: 8,
} as const;

/** What an extension of type `buffer` reads back as, by its first byte. A `Uint8Array` is a MessagePack bin. */
export const bufferKinds = [
  "Buffer",
  "ArrayBuffer",
  "DataView",
  "Int8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
] as const;

export type BufferKind = (typeof bufferKinds)[number];

/** The built-in errors, which keep their class. */
export const errorClasses = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
  AggregateError,
} as const;

export type ErrorName = keyof typeof errorClasses;
