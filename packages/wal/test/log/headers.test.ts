// readHeaders: everything on disk but the payloads, sound or not.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { type LogHeader, nodeFileSystem, readHeaders } from "@tidemark/wal";
import { describe, expect, test } from "vitest";
import {
  appendEach,
  closedLog,
  openLog,
  refusal,
  storeNames,
  temporaryDirectory,
} from "./fixture.js";
import { batchesOf, flip, headerOf, manifestOf, pick } from "./store-bytes.js";

const COUNT = 160;

/** A closed log of several segments, a batch for each record. */
function filled(): Promise<string> {
  return closedLog((log) => appendEach(log, COUNT));
}

async function headersOf(directory: string, options = {}): Promise<LogHeader[]> {
  const headers: LogHeader[] = [];
  for await (const header of readHeaders(directory, options)) headers.push(header);
  return headers;
}

function store(directory: string, index: number): string {
  return join(directory, pick(storeNames(directory), index));
}

describe("readHeaders", () => {
  test("gives the manifest, then each segment's header and its batches, as they stand", async () => {
    const directory = await filled();
    const [manifest, ...rest] = await headersOf(directory);
    expect(manifest).toEqual({
      kind: "manifest",
      file: join(directory, "MANIFEST"),
      manifest: manifestOf(directory),
    });
    const expected = manifestOf(directory).segments.flatMap(({ state, id }) => {
      const file = join(directory, `0000000${id}.log`);
      const batches = batchesOf(file).map(({ position, header }) => {
        return { kind: "batch", file, position, size: 48 + header.bodyLength, header };
      });
      return [{ kind: "segment", file, state, header: headerOf(file) }, ...batches];
    });
    expect(rest).toEqual(expected);
  });

  test("passes over segments that lie below where it begins", async () => {
    const directory = await filled();
    const [, second] = manifestOf(directory).segments;
    const headers = await headersOf(directory, { from: (second?.baseOffset ?? 0) + 1 });
    const first = headers.find((header) => header.kind === "batch");
    expect(first).toMatchObject({ header: { firstOffset: second?.baseOffset } });
  });

  test("goes on behind what it cannot read, and says from where to where that is", async () => {
    const directory = await filled();
    const path = store(directory, 0);
    const [bad, next] = batchesOf(path).slice(7);
    flip(path, (bad?.position ?? 0) + 50);
    flip(store(directory, 1), 3);
    rmSync(store(directory, 2));
    const headers = await headersOf(directory);
    const unreadable = headers.filter(({ kind }) => kind === "unreadable");
    expect(unreadable).toMatchObject([
      { file: path, position: bad?.position, end: next?.position },
      { file: store(directory, 1), position: 0, end: 64 },
      { position: 0, end: 0, message: expect.stringContaining("missing") },
    ]);
    const batches = headers.filter(({ kind }) => kind === "batch");
    const [, , third] = manifestOf(directory).segments;
    const lost = 1 + (third?.endOffset ?? 0) - (third?.baseOffset ?? 0);
    expect(batches).toHaveLength(COUNT - lost);
  });

  test("reads what the stores say where the manifest is lost", async () => {
    const directory = await filled();
    const before = manifestOf(directory);
    rmSync(join(directory, "MANIFEST"));
    const [first, second, ...rest] = await headersOf(directory);
    expect(first).toMatchObject({ kind: "unreadable", message: "the manifest is missing" });
    expect(second).toMatchObject({ kind: "manifest", manifest: { logId: before.logId } });
    expect(rest.filter(({ kind }) => kind === "batch")).toHaveLength(COUNT);
  });

  test("shows beside its writer what is there, and ends in its zeros", async () => {
    const log = await openLog(temporaryDirectory(), { noteAfterMs: 0 });
    await appendEach(log, 3);
    const headers = await headersOf(log.directory);
    expect(headers.map(({ kind }) => kind)).toEqual([
      "manifest",
      "segment",
      "batch",
      "batch",
      "batch",
    ]);
  });

  test("refuses a directory without a log, options that it does not know, and closes what it has open", async () => {
    const directory = temporaryDirectory();
    expect(await refusal(() => headersOf(directory))).toMatchObject({ code: "LOG_NOT_FOUND" });
    expect(await refusal(() => headersOf(directory, { to: 3 }))).toMatchObject({
      code: "LOG_INVALID_ARGUMENT",
    });
    let open = 0;
    const fileSystem = Object.assign(Object.create(nodeFileSystem), {
      openSync(path: string) {
        const file = nodeFileSystem.openSync(path);
        open += 1;
        return Object.assign(Object.create(file), {
          readSync: file.readSync.bind(file),
          sizeSync: file.sizeSync.bind(file),
          closeSync() {
            open -= 1;
            file.closeSync();
          },
        });
      },
    });
    for await (const { kind } of readHeaders(await filled(), { fileSystem })) {
      if (kind === "batch") break;
    }
    expect(open).toBe(0);
  });

  test("ends with the signal's reason", async () => {
    const reason = new Error("seen enough");
    const signal = AbortSignal.abort(reason);
    await expect(headersOf(await filled(), { signal })).rejects.toBe(reason);
  });
});
