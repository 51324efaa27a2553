// Redis over loopback. Durable is `appendfsync always`: it answers once the commands that came together are synced.

import { decodeValue, encodeValue } from "../encoding.js";
import type { Journal } from "../journal.js";
import type { Store } from "../store.js";
import { RedisServer } from "./redis-server.js";

/** The append-only file alone: snapshots beside it would be another system's work. */
function settings(durable: boolean): string[] {
  const appendOnly = ["--appendonly", "yes", "--appendfsync", durable ? "always" : "no"];
  return [...appendOnly, "--save", "", "--auto-aof-rewrite-percentage", "0"];
}

export async function openRedisJournal(directory: string, durable: boolean): Promise<Journal> {
  const server = await RedisServer.start(directory, settings(durable));
  const { connection } = server;
  return {
    append: (payload) => connection.call("RPUSH", "log", payload),
    async read(number) {
      const reply = await connection.call("LINDEX", "log", `${number}`);
      return Buffer.isBuffer(reply) ? reply : undefined;
    },
    count: async () => Number(await connection.call("LLEN", "log")),
    close: () => server.stop(),
  };
}

export async function openRedis(directory: string, durable: boolean): Promise<Store> {
  return storeOf(await RedisServer.start(directory, settings(durable)));
}

export function storeOf(server: RedisServer): Store {
  const { connection } = server;
  return {
    put: (key, value) => connection.call("SET", key, encodeValue(value)),
    batch: (entries) =>
      connection.call(
        "MSET",
        ...entries.flatMap(([key, value]) => [key, Buffer.from(encodeValue(value))]),
      ),
    async get(key) {
      const reply = await connection.call("GET", key);
      return Buffer.isBuffer(reply) ? decodeValue(reply) : undefined;
    },
    count: async () => Number(await connection.call("DBSIZE")),
    close: () => server.stop(),
  };
}
