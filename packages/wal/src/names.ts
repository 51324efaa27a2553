// The names of the log's files. What matches none of them is foreign and never touched.

export const MANIFEST = "MANIFEST";
export const LOCK = "LOCK";
/** Takes up room that is given back on a full disk. */
export const SPARE = "SPARE";
/** Exists while an opener without a kernel lock judges the lock's text and replaces it. */
export const LOCK_CLAIM = "LOCK.claim";
/** A file under construction: never in use, so a writer removes one that it finds. */
export const NEW_SUFFIX = ".new";

const STORE = /^(\d{8,10})\.log$/;
const INDEX = /^(\d{8,10})\.idx$/;
const TORN = /^\d{8,10}-\d+-[0-9a-f]{8}\.torn$/;
const NEW = /^(?:MANIFEST|\d{8,10}\.log|\d{8,10}\.idx|\d{8,10}-\d+-[0-9a-f]{8}\.torn)\.new$/;

/** The manifest also holds the next id, as a u32. */
export const SEGMENT_ID_MAX = 0xfffffffe;

export function storeName(id: number): string {
  return `${String(id).padStart(8, "0")}.log`;
}

export function indexName(id: number): string {
  return `${String(id).padStart(8, "0")}.idx`;
}

/** Torn bytes of a segment set aside; the checksum of the bytes makes setting them aside again idempotent. */
export function tornName(id: number, position: number, checksum: number): string {
  return `${String(id).padStart(8, "0")}-${position}-${checksum.toString(16).padStart(8, "0")}.torn`;
}

/** The segment id in a store's name, or undefined for any other name (`1.log` is foreign: we pad). */
export function storeId(name: string): number | undefined {
  return segmentId(STORE, name, storeName);
}

/** The segment id in an index's name, or undefined for any other name. */
export function indexId(name: string): number | undefined {
  return segmentId(INDEX, name, indexName);
}

function segmentId(
  pattern: RegExp,
  name: string,
  write: (id: number) => string,
): number | undefined {
  const digits = pattern.exec(name)?.[1];
  if (digits === undefined) return undefined;
  const id = Number(digits);
  return id >= 1 && id <= SEGMENT_ID_MAX && write(id) === name ? id : undefined;
}

export function isTornName(name: string): boolean {
  return TORN.test(name);
}

export function isNewName(name: string): boolean {
  return NEW.test(name);
}

/** Whether a log may have made an entry of this name. */
export function isOurs(name: string): boolean {
  return (
    name === MANIFEST ||
    name === LOCK ||
    name === SPARE ||
    name === LOCK_CLAIM ||
    storeId(name) !== undefined ||
    indexId(name) !== undefined ||
    isTornName(name) ||
    isNewName(name)
  );
}

/** Joins a directory and a name of ours, which holds no separator. */
export function join(directory: string, name: string): string {
  return directory.endsWith("/") ? directory + name : `${directory}/${name}`;
}
