// docs/format.md against the golden bytes: what a table says of places, sizes, names and constants is what
// the fixtures hold, field by field.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { BATCH_HEADER_LENGTH, RECORD_PREFIX_LENGTH } from "../../src/batch.js";
import { crc32 } from "../../src/checksum.js";
import { readU32 } from "../../src/fields.js";
import { SEGMENT_HEADER_LENGTH } from "../../src/segment-header.js";
import {
  FIXTURES,
  type FixtureName,
  type FixtureSection,
  fixtureBytes,
  fixtureSections,
} from "./golden.js";

interface Row {
  readonly at: number;
  /** Undefined: as long as the payload. */
  readonly size: number | undefined;
  readonly field: string;
  readonly meaning: string;
}

interface Table {
  readonly length: number | undefined;
  readonly rows: readonly Row[];
}

const text = readFileSync(new URL("../../../../docs/format.md", import.meta.url), "utf8");
const tables = tablesIn(text);

/** The byte tables by the title of their heading: `### Title, N bytes`. */
function tablesIn(document: string): Map<string, Table> {
  const found = new Map<string, Table>();
  for (const part of document.split(/^### /m).slice(1)) {
    const [, title = "", length] = /^([^,\n]+)(?:, (\d+) bytes)?\n/.exec(part) ?? [];
    const rows = [...part.matchAll(/^\| (\d+) \| (.+?) \| (.+?) \| ?(.*?) ?\|$/gm)].map((row) => {
      const [, at = "", type = "", field = "", meaning = ""] = row;
      return { at: Number(at), size: sizeOf(type), field, meaning };
    });
    found.set(title, { length: length === undefined ? undefined : Number(length), rows });
  }
  return found;
}

function sizeOf(type: string): number | undefined {
  if (type === "bytes") return undefined;
  const bits = /^u(\d+)$/.exec(type)?.[1];
  const bytes = /^(\d+) bytes$/.exec(type)?.[1];
  const size = bits === undefined ? Number(bytes) : Number(bits) / 8;
  if (!Number.isInteger(size)) throw new Error(`unknown type in a table: ${type}`);
  return size;
}

function tableOf(title: string): Table {
  const table = tables.get(title);
  if (table === undefined) throw new Error(`docs/format.md has no table ${title}`);
  return table;
}

function sectionsOf(name: FixtureName, title: string): FixtureSection[] {
  return fixtureSections(name).filter((section) => section.title === title);
}

function bytesOf(section: FixtureSection | undefined): Uint8Array {
  return Uint8Array.from(Buffer.concat((section?.fields ?? []).map(({ bytes }) => bytes)));
}

function fieldOf(section: FixtureSection | undefined, name: string): Uint8Array {
  const field = section?.fields.find((candidate) => candidate.name === name);
  if (field === undefined) throw new Error(`the fixture has no field ${name}`);
  return field.bytes;
}

test("every structure has a table and golden bytes", () => {
  const inFixtures = FIXTURES.flatMap((name) => fixtureSections(name).map(({ title }) => title));
  expect([...tables.keys()].sort()).toEqual([...new Set(inFixtures)].sort());
});

describe("each table", () => {
  test.each([...tables.entries()])("%s: fields follow one another up to its length", (_, table) => {
    let at = 0;
    for (const row of table.rows) {
      expect(row.at, row.field).toBe(at);
      at += row.size ?? 0;
    }
    expect(table.rows.length).toBeGreaterThan(0);
    if (table.length !== undefined) expect(at).toBe(table.length);
  });

  test("has the lengths that the code has", () => {
    expect(tableOf("Batch header").length).toBe(BATCH_HEADER_LENGTH);
    expect(tableOf("Segment header").length).toBe(SEGMENT_HEADER_LENGTH);
    expect(tableOf("Record").rows.at(-1)?.at).toBe(RECORD_PREFIX_LENGTH);
  });
});

describe("each fixture", () => {
  test.each(FIXTURES)("%s: has the fields of the tables, in their places and sizes", (name) => {
    for (const { title, fields } of fixtureSections(name)) {
      const { rows } = tableOf(title);
      expect(fields.map((field) => [field.at, field.name])).toEqual(
        rows.map(({ at, field }) => [at, field]),
      );
      for (const [i, { bytes, name: fieldName }] of fields.entries()) {
        const size = rows[i]?.size;
        if (size !== undefined) expect(bytes.length, `${title}: ${fieldName}`).toBe(size);
      }
    }
  });

  test.each(FIXTURES)("%s: has the magic and the version that the tables state", (name) => {
    for (const { title, fields } of fixtureSections(name)) {
      for (const [i, { bytes, name: fieldName }] of fields.entries()) {
        const meaning = tableOf(title).rows[i]?.meaning ?? "";
        if (fieldName === "magic") {
          expect(meaning).toBe(`ASCII \`${Buffer.from(bytes).toString("latin1")}\``);
        }
        if (fieldName === "format version") expect(meaning).toBe(String(readU32(bytes, 0)));
        if (fieldName === "reserved") expect(bytes.every((byte) => byte === 0)).toBe(true);
      }
    }
  });

  test("has the state numbers that the table states", () => {
    const meaning = tableOf("Manifest segment").rows.find(
      ({ field }) => field === "state",
    )?.meaning;
    expect(meaning).toMatch(/^0 sealed\b.* · 1 unsealed\b.* · 2 prepared\b/);
    const states = sectionsOf("manifest", "Manifest segment").map((section) => {
      return readU32(fieldOf(section, "state"), 0);
    });
    expect(states).toEqual([0, 0, 1, 1, 2]);
  });
});

describe("the checksums of the fixtures follow from the text", () => {
  test("of conventions", () => {
    expect(text).toContain("`123456789` is `0xCBF43926`");
  });

  test.each(["batch", "note"] as const)("of a batch: %s", (name) => {
    const [header] = sectionsOf(name, "Batch header");
    const bytes = bytesOf(header);
    const marker = readU32(bytes, 0);
    const body = fixtureBytes(name).subarray(BATCH_HEADER_LENGTH);
    const part = crc32(bytes.subarray(8, 40), marker);
    expect(readU32(fieldOf(header, "checksum"), 0)).toBe(crc32(bytes.subarray(8, 48), marker));
    expect(readU32(fieldOf(header, "checksum"), 0)).toBe(crc32(bytes.subarray(40, 48), part));
    expect(readU32(fieldOf(header, "body checksum"), 0)).toBe(crc32(body, part));
    expect(readU32(fieldOf(header, "body length"), 0)).toBe(body.length);
  });

  test("of a segment's header, an index and a manifest", () => {
    const [segmentHeader] = sectionsOf("segment-header", "Segment header");
    const [indexHeader] = sectionsOf("index", "Index header");
    for (const header of [segmentHeader, indexHeader]) {
      const expected = crc32(bytesOf(header).subarray(0, 60));
      expect(readU32(fieldOf(header, "checksum"), 0)).toBe(expected);
    }
    const entries = fixtureBytes("index").subarray(64);
    expect(readU32(fieldOf(indexHeader, "entries checksum"), 0)).toBe(crc32(entries));
    for (const name of ["manifest", "manifest-first"] as const) {
      const bytes = fixtureBytes(name);
      const [stored] = sectionsOf(name, "Manifest checksum");
      expect(readU32(fieldOf(stored, "checksum"), 0)).toBe(crc32(bytes.subarray(0, -4)));
      const [fixed] = sectionsOf(name, "Manifest");
      expect(readU32(fieldOf(fixed, "length"), 0)).toBe(bytes.length);
    }
  });
});
