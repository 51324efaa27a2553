import { expect, test } from "vitest";
import { parseReply } from "../src/systems/redis-reply.js";

function replies(text: string) {
  const bytes = Buffer.from(text);
  const found: unknown[] = [];
  let at = 0;
  for (let next = parseReply(bytes, at); next !== undefined; next = parseReply(bytes, at)) {
    found.push(Buffer.isBuffer(next.reply) ? next.reply.toString() : next.reply);
    at = next.end;
  }
  return { found, rest: text.slice(at) };
}

test("replies are read one after the other", () => {
  expect(replies("+OK\r\n:42\r\n$5\r\nab\r\nc\r\n$-1\r\n$0\r\n\r\n")).toEqual({
    found: ["OK", 42, "ab\r\nc", null, ""],
    rest: "",
  });
});

test("an error is a reply", () => {
  expect(replies("-ERR no\r\n").found).toEqual([new Error("Redis: ERR no")]);
});

test("a reply that is not all there waits for the rest", () => {
  for (const part of ["+O", "+OK\r", "$5\r\nabc", "$5\r\nabcde\r", "$5"]) {
    expect(replies(`:1\r\n${part}`)).toEqual({ found: [1], rest: part });
  }
});
