// Where text stops being JSON, which JSON.parse tells differently in each version, or not at all.

const SPACE = /[ \t\r\n]*/y;
const STRING = /"(?:[^"\\\p{Cc}]|[\x7f-\x9f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/uy;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/** Index of the token at which text that is no JSON goes wrong, or its length where something is missing there. */
export function faultIn(text: string): number {
  return new Walk(text).run();
}

/** Expects one token after the other; what is open is kept in a stack, so that depth is no limit. */
class Walk {
  readonly #text: string;
  readonly #open: ("{" | "[")[] = [];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  run(): number {
    let expected = this.#value();
    while (expected && this.#open.length > 0) expected = this.#afterValue();
    this.#take(SPACE);
    return this.#at;
  }

  #value(): boolean {
    if (this.#has("{")) {
      this.#open.push("{");
      return this.#has("}") ? this.#close() : this.#name();
    }
    if (this.#has("[")) {
      this.#open.push("[");
      return this.#has("]") ? this.#close() : this.#value();
    }
    return this.#take(STRING) || this.#take(SCALAR);
  }

  #afterValue(): boolean {
    const inObject = this.#open.at(-1) === "{";
    if (this.#has(",")) return inObject ? this.#name() : this.#value();
    return this.#has(inObject ? "}" : "]") && this.#close();
  }

  #name(): boolean {
    this.#take(SPACE);
    return this.#take(STRING) && this.#has(":") && this.#value();
  }

  #close(): boolean {
    this.#open.pop();
    return true;
  }

  #has(character: string): boolean {
    this.#take(SPACE);
    if (this.#text[this.#at] !== character) {
      return false;
    }
    this.#at += 1;
    this.#take(SPACE);
    return true;
  }

  #take(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    if (!pattern.test(this.#text)) return false;
    this.#at = pattern.lastIndex;
    return true;
  }
}
