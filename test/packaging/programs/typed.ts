// What a user of TypeScript gets: the types of values, and errors where they don't fit.

import { Database, DatabaseError, type DatabaseOptions, type View } from "@tidemark/kv";
import { Log, LogError } from "@tidemark/wal";
import { SimulatedDisk } from "@tidemark/wal/testing";

interface Reading {
  readonly celsius: number;
}

const options = { log: { fileSystem: new SimulatedDisk() } } satisfies DatabaseOptions;
const db = await Database.open<Reading>("/readings", options);
const offset: number = await db.put("kitchen", { celsius: 21 });
const view: View<Reading> = await db.at({ offset });
const celsius: number | undefined = view.get("kitchen")?.celsius;
console.log(celsius);
await db.close();

// @ts-expect-error there are no such readings
export const wrong = () => db.put("cellar", { fahrenheit: 54 });
export const errors: (typeof DatabaseError | typeof LogError)[] = [DatabaseError, LogError];
export const log: () => Promise<Log> = () => Log.open("/log");
