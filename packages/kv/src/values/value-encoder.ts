// Values to bytes (docs/format-database.md, "Values"), in one pass that also finds what cannot be stored.
// Invariant: what is written decodes to an equal value; anything else is an error that names the place.

import { types } from "node:util";
import { DatabaseError } from "../errors.js";
import type { ByteWriter } from "../formats/byte-writer.js";
import { MessagePackWriter } from "./message-pack.js";
import {
  BIGINT_BYTES_MAX,
  bufferKinds,
  errorClasses,
  extension,
  NESTING_MAX,
} from "./value-format.js";

/** Appends values to a writer. A getter may run meanwhile, so another value needs another encoder then. */
export class ValueEncoder {
  readonly #out: ByteWriter;
  readonly #pack: MessagePackWriter;
  // The containers around the value at hand, and the step taken in each: for messages and to tell a cycle.
  readonly #containers: object[] = [];
  readonly #steps: (string | number)[] = [];
  #depth = 0;

  constructor(out: ByteWriter) {
    this.#out = out;
    this.#pack = new MessagePackWriter(out);
  }

  /** Appends the value; throws `KV_VALUE_NOT_STORABLE`, having appended some part of it. */
  encode(value: unknown): void {
    this.#depth = 0;
    try {
      this.#write(value);
    } finally {
      this.#containers.length = 0;
    }
  }

  #write(value: unknown): void {
    switch (typeof value) {
      case "string":
        this.#pack.string(value);
        break;
      case "number":
        this.#pack.number(value);
        break;
      case "boolean":
        this.#pack.boolean(value);
        break;
      case "undefined":
        this.#pack.extension(extension.undefined, 1);
        this.#out.u8(0);
        break;
      case "bigint":
        if (!this.#pack.bigint(value)) {
          throw this.#notStorable(`is a BigInt of more than ${BIGINT_BYTES_MAX} bytes`);
        }
        break;
      case "object":
        if (value === null) this.#pack.nil();
        else this.#object(value);
        break;
      default:
        throw this.#notStorable(`is a ${typeof value}`);
    }
  }

  #object(value: object): void {
    const prototype = this.#prototypeOf(value);
    if (prototype === Object.prototype || prototype === null) this.#plainObject(value);
    else if (Array.isArray(value)) this.#array(value, prototype);
    else if (!this.#builtIn(value, prototype)) {
      // An object of another realm, such as a vm context, has another Object.prototype.
      if (className(prototype) !== "Object" || Object.getPrototypeOf(prototype) !== null) {
        throw this.#classInstance(prototype);
      }
      this.#plainObject(value);
    }
  }

  #prototypeOf(value: object): unknown {
    try {
      return Object.getPrototypeOf(value);
    } catch (cause) {
      throw this.#notStorable("is a proxy that cannot be read", cause);
    }
  }

  /** Its prototype says what it may be; a proxy, or an object made with that prototype, has no such content. */
  #builtIn(value: object, prototype: unknown): boolean {
    if (prototype === Map.prototype && types.isMap(value)) this.#map(value);
    else if (prototype === Set.prototype && types.isSet(value)) {
      this.#checkBare(value);
      this.#extended(extension.set, value, [...value]);
    } else if (prototype === Date.prototype && types.isDate(value)) this.#date(value);
    else if (prototype === Uint8Array.prototype && types.isUint8Array(value)) {
      // Memory that was transferred shows as of no length.
      if (value.length === 0) this.#bytesOf(value);
      this.#pack.binary(value);
    } else if (prototype === RegExp.prototype && types.isRegExp(value)) {
      this.#checkBare(value);
      this.#extended(extension.regexp, value, [value.source, value.flags]);
    } else return this.#buffer(value, prototype) || this.#error(value, prototype);
    return true;
  }

  /** Refuses properties that were added to what the encoding has no place for any in; enumerable ones, which cost little to find. */
  #checkBare(value: object): void {
    const [name] = Object.keys(value);
    if (name === undefined) return;
    const shown = JSON.stringify(name.slice(0, 80));
    throw this.#notStorable(`has a property, ${shown}, that would be lost`);
  }

  #plainObject(value: object): void {
    if (Object.getOwnPropertySymbols(value).length > 0) {
      throw this.#notStorable("has a symbol as a property name");
    }
    const names = Object.keys(value);
    this.#pack.map(names.length);
    this.#enter(value);
    for (const name of names) {
      this.#step(name);
      if (!this.#pack.utf8(name)) {
        throw this.#notStorable("has a lone surrogate in its property name");
      }
      this.#write((value as Record<string, unknown>)[name]);
    }
    this.#leave();
  }

  #array(value: readonly unknown[], prototype: unknown): void {
    if (prototype !== Array.prototype && className(prototype) !== "Array") {
      throw this.#classInstance(prototype);
    }
    const { length } = value;
    // That of a proxy can be anything.
    if (length >>> 0 !== length) throw this.#notStorable("has a length that no array has");
    // Each element takes a byte or more: an array that is long and empty is refused before it is walked.
    this.#out.checkRoom(length);
    this.#items(value, value, length);
  }

  #items(container: object, items: readonly unknown[], count: number): void {
    this.#pack.array(count);
    this.#enter(container);
    for (let i = 0; i < count; i++) {
      this.#step(i);
      this.#write(items[i]);
    }
    this.#leave();
  }

  /** An extension whose body is an array. */
  #extended(type: number, container: object, items: readonly unknown[]): void {
    const body = this.#pack.beginExtension(type);
    this.#items(container, items, items.length);
    this.#pack.endExtension(body);
  }

  #map(value: Map<unknown, unknown>): void {
    this.#checkBare(value);
    // Copied first: a getter within could change the map while it is walked.
    const entries = [...value];
    const body = this.#pack.beginExtension(extension.map);
    this.#pack.map(entries.length);
    this.#enter(value);
    for (const [i, [key, item]] of entries.entries()) {
      this.#step(`<key ${i}>`);
      this.#write(key);
      this.#step(`<value ${i}>`);
      this.#write(item);
    }
    this.#leave();
    this.#pack.endExtension(body);
  }

  #date(value: Date): void {
    this.#checkBare(value);
    this.#pack.extension(extension.date, 8);
    const at = this.#out.claim(8);
    this.#out.view.setFloat64(at, value.getTime());
  }

  /** Whether it is a buffer or a view of one. */
  #buffer(value: object, prototype: unknown): boolean {
    const kind = bufferPrototypes.indexOf(prototype);
    if (kind < 0 || bufferChecks[kind]?.(value) !== true) return false;
    // The names of a typed array's elements are too many to look through for others.
    if (!types.isTypedArray(value)) this.#checkBare(value);
    const bytes = this.#bytesOf(value as ArrayBuffer | ArrayBufferView);
    this.#out.checkRoom(bytes.length);
    this.#pack.extension(extension.buffer, 1 + bytes.length);
    this.#out.u8(kind);
    this.#out.raw(bytes);
    return true;
  }

  #bytesOf(value: ArrayBuffer | ArrayBufferView): Uint8Array {
    try {
      return ArrayBuffer.isView(value)
        ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
        : new Uint8Array(value);
    } catch (cause) {
      throw this.#notStorable("is detached from its memory", cause);
    }
  }

  /** Whether it is one of the built-in errors; of those, all own properties, enumerable or not. */
  #error(value: object, prototype: unknown): boolean {
    const name = errorNames.get(prototype);
    if (name === undefined || !types.isNativeError(value)) return false;
    const properties: Record<string, unknown> = Object.create(null);
    for (const key of Object.getOwnPropertyNames(value)) properties[key] = Reflect.get(value, key);
    this.#extended(extension.error, value, [name, properties]);
    return true;
  }

  #enter(container: object): void {
    if (this.#depth === NESTING_MAX) throw this.#tooDeep();
    this.#containers[this.#depth] = container;
    this.#depth += 1;
  }

  #leave(): void {
    this.#depth -= 1;
  }

  #step(step: string | number): void {
    this.#steps[this.#depth - 1] = step;
  }

  #tooDeep(): DatabaseError {
    const containers = this.#containers;
    const again = containers.findIndex((container, i) => containers.indexOf(container) < i);
    if (again < 0) return this.#notStorable(`is nested deeper than ${NESTING_MAX} levels`);
    this.#depth = again;
    return this.#notStorable("contains itself");
  }

  #classInstance(prototype: unknown): DatabaseError {
    const name = className(prototype) ?? "a class";
    return this.#notStorable(`is an instance of ${name}: it would come back as something else`);
  }

  #notStorable(reason: string, cause?: unknown): DatabaseError {
    const path = pathOf(this.#steps.slice(0, this.#depth));
    return new DatabaseError("KV_VALUE_NOT_STORABLE", `value${path} ${reason}`, { cause });
  }
}

const bufferPrototypes: unknown[] = bufferKinds.map((kind) => globalThis[kind].prototype);

/** Whether an object is what its prototype says, by the same index. */
const bufferChecks: ((value: unknown) => boolean)[] = bufferKinds.map((kind) =>
  kind === "Buffer" ? types.isUint8Array : types[`is${kind}`],
);

const errorNames = new Map<unknown, string>(
  Object.entries(errorClasses).map(([name, errorClass]) => [errorClass.prototype, name]),
);

function className(prototype: unknown): string | undefined {
  const made = (prototype as { constructor?: unknown }).constructor;
  return typeof made === "function" ? made.name : undefined;
}

function pathOf(steps: readonly (string | number)[]): string {
  const shown = steps.length <= 12 ? steps : [...steps.slice(0, 6), "…", ...steps.slice(-5)];
  return shown.map((step) => (typeof step === "number" ? `[${step}]` : named(step))).join("");
}

function named(step: string): string {
  if (/^<(key|value) \d+>$/.test(step)) return step;
  if (/^([\p{L}_$][\p{L}\p{N}_$]*|…)$/u.test(step)) return `.${step}`;
  return `[${JSON.stringify(step.slice(0, 80))}]`;
}
