import { invalidRequest } from './failure.ts';

/**
 * A parsed form: nested brackets become nested maps, and lists become maps keyed by index. Uses maps because a key may
 * be `__proto__`.
 */
export type Form = Map<string, FormValue>;
export type FormValue = string | Form;

const MAX_PAIRS = 2_000;
const MAX_DEPTH = 8;
const KEY = /^([^[\]]+)((?:\[[^[\]]*\])*)$/;

/** Reads a query string or an `application/x-www-form-urlencoded` body. Throws a `Failure` on invalid input. */
export function parseForm(text: string): Form {
  const form: Form = new Map();
  if (text === '') return form;
  const pairs = text.split('&');
  if (pairs.length > MAX_PAIRS) throw invalidRequest('The request has too many parameters.');
  for (const pair of pairs) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const key = decode(equals < 0 ? pair : pair.slice(0, equals));
    put(form, pathOf(key), equals < 0 ? '' : decode(pair.slice(equals + 1)));
  }
  return form;
}

/** Serializes a form independently of key order: two requests with the same parameters give the same text. */
export function canonicalForm(form: Form): string {
  return JSON.stringify(sorted(form));
}

function sorted(value: FormValue): unknown {
  if (typeof value === 'string') return value;
  return [...value].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, sorted(inner)]);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw invalidRequest('Invalid request: a parameter is not valid percent-encoded UTF-8.');
  }
}

function pathOf(key: string): string[] {
  const match = KEY.exec(key);
  const [, name = '', brackets = ''] = match ?? [];
  if (!match) throw invalidRequest(`Invalid request: the parameter name ${key.slice(0, 100)} cannot be read.`);
  const path = brackets === '' ? [name] : [name, ...brackets.slice(1, -1).split('][')];
  if (path.length > MAX_DEPTH) throw invalidRequest(`Invalid request: ${name} is nested too deeply.`, { param: name });
  return path;
}

function put(form: Form, path: readonly string[], value: string): void {
  let at = form;
  for (const [index, step] of path.entries()) {
    const key = index > 0 && step === '' ? String(at.size) : step;
    if (index === path.length - 1) {
      at.set(key, value);
      return;
    }
    const inner = at.get(key) ?? new Map<string, FormValue>();
    if (typeof inner === 'string') throw invalidRequest('Invalid object', { param: path[0] ?? key });
    at.set(key, inner);
    at = inner;
  }
}
