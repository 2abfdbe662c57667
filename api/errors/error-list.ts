import { shortened } from '../../domain/reference/characters.ts';
import type { FieldError } from './api-error.ts';

/**
 * Errors of one answer. A body of a megabyte can hold hundreds of thousands of wrong fields, each with a path of
 * kilobytes.
 */
const MAX_ERRORS = 1_000;
export const MAX_ERRORS_BYTES = 64 * 1_024;
/** In code points, before `…`. */
const MAX_PATH_LENGTH = 300;
const JSON_AROUND_AN_ERROR = '{"path":"","message":""},'.length;

/** The first errors of an input, without duplicates, limited in count and bytes; the others are only counted. */
export class ErrorList {
  readonly #kept = new Map<string, FieldError>();
  #bytes = 0;
  #seen = 0;
  #omitted = 0;

  get kept(): readonly FieldError[] {
    return [...this.#kept.values()];
  }

  /** Number of errors that were added but not kept, except duplicates of kept ones. */
  get omitted(): number {
    return this.#omitted;
  }

  /** True when nothing more is kept, so that validation may stop. */
  get isFull(): boolean {
    return this.#seen > MAX_ERRORS || this.#bytes > MAX_ERRORS_BYTES;
  }

  add({ path, message }: FieldError): void {
    this.#seen += 1;
    const error = { path: shortened(path, MAX_PATH_LENGTH), message };
    const key = `${error.path}\n${message}`;
    if (this.#kept.has(key)) return;
    if (!this.isFull) this.#bytes += bytesOf(error);
    if (this.isFull) this.#omitted += 1;
    else this.#kept.set(key, error);
  }

  addAll(errors: Iterable<FieldError>, omitted = 0): void {
    for (const error of errors) this.add(error);
    this.#omitted += omitted;
  }
}

/** Bytes of an error in an answer. */
export const bytesOf = ({ path, message }: FieldError): number =>
  Buffer.byteLength(path) + Buffer.byteLength(message) + JSON_AROUND_AN_ERROR;

/** The path of `key` inside the value at `path`. Its cost does not grow with depth. */
export const pathTo = (path: string, key: string): string =>
  path === '' ? key : path.length > MAX_PATH_LENGTH ? path : shortened(`${path}.${key}`, MAX_PATH_LENGTH);
