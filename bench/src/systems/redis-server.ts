// A Redis server of our own: on a free port of the loopback device, in a directory of ours, ended by us.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { RedisConnection } from "./redis-connection.js";

const START_MS_MAX = 60_000;

export function redisMissing(): string | undefined {
  const { status } = spawnSync("redis-server", ["--version"]);
  return status === 0 ? undefined : "redis-server is not installed";
}

export class RedisServer {
  readonly connection: RedisConnection;
  readonly #process: ChildProcess;
  readonly #directory: string;

  private constructor(child: ChildProcess, connection: RedisConnection, directory: string) {
    this.#process = child;
    this.connection = connection;
    this.#directory = directory;
  }

  static async start(directory: string, settings: readonly string[]): Promise<RedisServer> {
    const port = await freePort();
    const own = ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", directory];
    const quiet = ["--daemonize", "no", "--logfile", join(directory, "redis.log")];
    const child = spawn("redis-server", [...own, ...quiet, ...settings], { stdio: "ignore" });
    // However this process ends, short of SIGKILL.
    process.once("exit", () => child.kill("SIGKILL"));
    return new RedisServer(child, await connect(port, child), directory);
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** What the server itself says that loading took: starting it is not counted. */
  get loadingSeconds(): number {
    const log = readFileSync(join(this.#directory, "redis.log"), "utf8");
    // The log has the starts before, too.
    const loads = [...log.matchAll(/DB loaded from (?:disk|append only file): ([\d.]+) seconds/g)];
    const [, seconds] = loads[loads.length - 1] ?? [];
    if (seconds === undefined) throw new Error("Redis has loaded nothing");
    return Number(seconds);
  }

  async stop(): Promise<void> {
    this.connection.close();
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill("SIGTERM");
    await ended;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Once the server answers, and has loaded what it has. */
async function connect(port: number, child: ChildProcess): Promise<RedisConnection> {
  const endMs = performance.now() + START_MS_MAX;
  for (;;) {
    const connection = await RedisConnection.open(port).catch(() => undefined);
    if ((await connection?.call("PING").catch(() => undefined)) === "PONG") {
      if (connection !== undefined) return connection;
    }
    connection?.close();
    if (child.exitCode !== null || performance.now() > endMs) {
      throw new Error("redis-server does not start");
    }
    await setTimeout(20);
  }
}
