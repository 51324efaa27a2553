// What a writer asks of a log or a database, as plain values: enough to know what must be there if it was done.

/** A record or a value, which follows from these two numbers. */
export interface Item {
  readonly serial: number;
  /** In bytes, about. */
  readonly length: number;
}

/** A write to a key; without an item it is a deletion. */
export interface KeyWrite {
  readonly key: string;
  readonly item?: Item;
}

interface Append {
  readonly do: "append";
  readonly items: readonly Item[];
  /** As one batch. */
  readonly together: boolean;
  readonly sync: boolean;
  /** What the clock said, in ms. */
  readonly now: number;
}

interface Commit {
  readonly do: "commit";
  readonly call: "put" | "del" | "batch" | "transaction";
  readonly writes: readonly KeyWrite[];
  readonly sync: boolean;
}

export type Asked =
  | Append
  | Commit
  | { readonly do: "truncateFrom"; readonly offset: number }
  | { readonly do: "truncateBefore"; readonly offset: number }
  | { readonly do: "sync" }
  | { readonly do: "checkpoint" };

/** Issues of one life of a writer are numbered from 0 in the order of the calls. */
export type Issue = Asked & { readonly number: number };

/** The bytes of a record: what it is can be told from them. */
export function payloadOf({ serial, length }: Item): Buffer {
  const start = `${serial}:${length}:`;
  return Buffer.from(start.padEnd(length, `${serial * 7919} abcdefghijklmnopqrstuvwxyz`));
}

/** A value of the database: of another type with each serial number. */
export function valueFor({ serial, length }: Item): unknown {
  const bytes = payloadOf({ serial, length });
  switch (serial % 5) {
    case 0:
      return [serial, length];
    case 1:
      return { serial, length, text: bytes.toString("latin1"), at: new Date(serial * 1000) };
    case 2:
      return new Map<unknown, unknown>([
        ["serial", serial],
        ["length", length],
        [length, new Uint8Array(bytes)],
      ]);
    case 3:
      return { serial, length, nested: [{ big: BigInt(serial), none: undefined }] };
    default:
      return new Uint8Array(bytes);
  }
}

/** The first serial number of a writer's life: no two lives have one in common. */
export function firstSerial(life: number): number {
  return (life + 1) * 1_000_000;
}
