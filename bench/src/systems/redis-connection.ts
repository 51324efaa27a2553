// One connection to Redis: commands are sent in the order of the calls, together where they are made in one turn, and
// answered in that order.

import { createConnection, type Socket } from "node:net";
import { parseReply, type Reply } from "./redis-reply.js";

interface Waiter {
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

export class RedisConnection {
  readonly #socket: Socket;
  readonly #waiting: Waiter[] = [];
  #answered = 0;
  #unsent: Buffer[] = [];
  #unread: Buffer = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("the connection to Redis is closed")));
  }

  static open(port: number): Promise<RedisConnection> {
    return new Promise((resolve, reject) => {
      const socket = createConnection(port, "127.0.0.1");
      socket.once("error", reject);
      socket.once("connect", () => resolve(new RedisConnection(socket)));
    });
  }

  call(...words: readonly (string | Uint8Array)[]): Promise<Reply> {
    if (this.#unsent.length === 0) queueMicrotask(() => this.#send());
    this.#unsent.push(encode(words));
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  close(): void {
    this.#socket.destroy();
  }

  #send(): void {
    this.#socket.write(Buffer.concat(this.#unsent));
    this.#unsent = [];
  }

  #receive(chunk: Buffer): void {
    const bytes = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    let at = 0;
    for (let found = parseReply(bytes, at); found !== undefined; found = parseReply(bytes, at)) {
      at = found.end;
      const waiter = this.#waiting[this.#answered++];
      if (found.reply instanceof Error) waiter?.reject(found.reply);
      else waiter?.resolve(found.reply);
    }
    this.#unread = bytes.subarray(at);
    if (this.#answered < 4096 && this.#answered < this.#waiting.length) return;
    this.#waiting.splice(0, this.#answered);
    this.#answered = 0;
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.splice(0).slice(this.#answered)) reject(error);
    this.#answered = 0;
  }
}

function encode(words: readonly (string | Uint8Array)[]): Buffer {
  const parts: Uint8Array[] = [Buffer.from(`*${words.length}\r\n`)];
  for (const word of words) {
    const bytes = typeof word === "string" ? Buffer.from(word) : word;
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n"));
  }
  return Buffer.concat(parts);
}
