import { shortened } from '../../domain/reference/characters.ts';
import { ApiError } from '../errors/api-error.ts';
import { pathTo } from '../errors/error-list.ts';
import type { ErrorList } from '../errors/error-list.ts';

/** Deeper than any valid request, and far from exhausting the stack. */
export const MAX_DEPTH = 32;

/** Values in one JSON text, far more than any record has. Validation uses memory for every wrong value. */
export const MAX_VALUES = 100_000;
/** Members of one object, ten times as many as any field has. Validating 60,000 takes a fifth of a second. */
const MAX_MEMBERS = 1_000;

export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const OPEN_BRACKET = 0x5b;
export const CLOSE_BRACKET = 0x5d;
export const OPEN_BRACE = 0x7b;
export const CLOSE_BRACE = 0x7d;

const COMMA = 0x2c;

const UTF8 = new TextDecoder('utf-8', { fatal: true });
const FORBIDDEN_KEYS = new Set(['__proto__', 'constructor', 'prototype']);
const UNPAIRED_SURROGATE = /\p{Surrogate}/u;
const MAX_KEY_SHOWN = 100;

/**
 * Parses one JSON text. Throws ApiError `invalid-encoding`, `too-deeply-nested`, `too-many-values` or `malformed-json`;
 * no message quotes the body. Depth and values are counted on the bytes, before any recursive parsing.
 */
export function decodeJson(bytes: Uint8Array): unknown {
  checkShape(bytes);
  let text: string;
  try {
    text = UTF8.decode(bytes);
  } catch (error) {
    throw new ApiError('invalid-encoding', 'The body is not valid UTF-8.', { cause: error });
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ApiError('malformed-json', `The body is not valid JSON${placeOf(error)}.`);
  }
}

const tooMany = (what: string): ApiError => new ApiError('too-many-values', `The body holds more than ${what}.`);

export const tooDeep = (): ApiError =>
  new ApiError('too-deeply-nested', `The body is nested deeper than ${MAX_DEPTH} levels.`);

/** Keeps only the position from the engine's message, which quotes the surrounding text and could show a secret. */
function placeOf(error: unknown): string {
  const place =
    error instanceof SyntaxError ? /at position \d+(?: \(line \d+ column \d+\))?/.exec(error.message)?.[0] : undefined;
  return place ? ` ${place}` : ': it is empty, ends too early, or holds something else';
}

function checkShape(bytes: Uint8Array): void {
  const shape = new Shape();
  // An index loop, because it runs over every byte of every body and an iterator takes five times as long.
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index];
    if (byte === QUOTE) index = endOfString(bytes, index);
    else if (byte === COMMA) shape.addValue();
    else if (byte === OPEN_BRACE) shape.open(1);
    else if (byte === OPEN_BRACKET) shape.open(IN_A_LIST);
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) shape.close();
  }
}

/** Members of a list are not counted apart. */
const IN_A_LIST = Number.NEGATIVE_INFINITY;

/** Counts the levels and values of a JSON text. */
class Shape {
  #depth = 0;
  #values = 1;
  /** Of the object that is open at each depth. */
  readonly #members = [IN_A_LIST];

  addValue(): void {
    const members = (this.#members[this.#depth] ?? IN_A_LIST) + 1;
    this.#members[this.#depth] = members;
    if (members > MAX_MEMBERS) throw tooMany(`${MAX_MEMBERS} members in one object`);
    this.#count();
  }

  open(members: number): void {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw tooDeep();
    this.#members[this.#depth] = members;
    this.#count();
  }

  close(): void {
    this.#depth -= 1;
  }

  #count(): void {
    this.#values += 1;
    if (this.#values > MAX_VALUES) throw tooMany(`${MAX_VALUES} values`);
  }
}

/** The index of the quote that closes the string opened at `start`. */
function endOfString(bytes: Uint8Array, start: number): number {
  let index = start + 1;
  while (index < bytes.length && bytes[index] !== QUOTE) index += bytes[index] === BACKSLASH ? 2 : 1;
  return index;
}

/**
 * Whether the value holds what no field may hold at any depth: NUL and unpaired surrogates, which Postgres cannot
 * store, and keys that target an object's prototype.
 */
export function hasHazard(value: unknown): boolean {
  if (typeof value === 'string') return hazardOf(value) !== null;
  if (Array.isArray(value)) return value.some(hasHazard);
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(
    ([key, item]) => FORBIDDEN_KEYS.has(key) || hazardOf(key) !== null || hasHazard(item),
  );
}

/** Adds an error for each hazard, as `hasHazard` knows them. Stops once the list is full. */
export function findHazards(value: unknown, errors: ErrorList, path = ''): void {
  if (typeof value === 'string') noteHazard(value, errors, path);
  else if (Array.isArray(value)) {
    for (let index = 0; index < value.length && !errors.isFull; index += 1)
      findHazards(value[index], errors, pathTo(path, String(index)));
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      if (errors.isFull) return;
      findInEntry([key, item], errors, pathTo(path, showKey(key)));
    }
  }
}

function findInEntry([key, item]: [string, unknown], errors: ErrorList, path: string): void {
  if (FORBIDDEN_KEYS.has(key)) {
    errors.add({ path, message: UNKNOWN_FIELD });
    return;
  }
  noteHazard(key, errors, path);
  findHazards(item, errors, path);
}

function noteHazard(text: string, errors: ErrorList, path: string): void {
  const message = hazardOf(text);
  if (message) errors.add({ path, message });
}

function hazardOf(text: string): string | null {
  if (text.includes('\0')) return 'Must not contain NUL';
  return UNPAIRED_SURROGATE.test(text) ? 'Must not contain unpaired surrogates' : null;
}

export const UNKNOWN_FIELD = 'Unknown field';

/** Shortens a key for an error's path, because a key may be as long as the body. */
export const showKey = (key: string): string => shortened(key, MAX_KEY_SHOWN);
