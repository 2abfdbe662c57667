import type { z } from 'zod';
import type { FieldError } from '../errors/api-error.ts';
import { bytesOf, MAX_ERRORS_BYTES } from '../errors/error-list.ts';
import { check, checkUnnamed } from '../http/parse.ts';
import { sourceId as sourceIdSchema } from '../schemas/common.ts';
import { checkAgainst } from './unchanged-fields.ts';

export interface Rejection {
  readonly line: number;
  readonly sourceId: string | null;
  readonly errors: readonly FieldError[];
}

/** A record as it was sent, or why it could not be parsed. */
export type Entry =
  { readonly line: number; readonly value: unknown } | { readonly line: number; readonly problem: string };

// Limits memory and the size of the answer when every record is bad. All rejections are counted.
const MAX_REJECTIONS_LISTED = 1_000;
const MAX_ERRORS_A_RECORD = 50;
const JSON_AROUND_A_REJECTION = 50;

/** A record that is invalid by itself but may be equal to what is stored. */
export interface Doubtful extends Rejection {
  readonly sourceId: string;
  readonly value: object;
}

/** A stored record as answers show it, and its writable fields. */
interface Stored {
  readonly shown: object;
  readonly fields: readonly string[];
}

/** Separates valid records of a batch from invalid ones, including the second of two with one `sourceId`. */
export class BatchValidator<T extends { readonly sourceId: string }> {
  received = 0;
  rejected = 0;
  readonly limit = MAX_REJECTIONS_LISTED;
  readonly #schema: z.ZodType<T>;
  readonly #rejections: Rejection[] = [];
  #bytes = 0;
  readonly #firstLines = new Map<string, number>();

  constructor(schema: z.ZodType<T>) {
    this.#schema = schema;
  }

  /** Ordered by line. */
  get rejections(): readonly Rejection[] {
    return this.#rejections.toSorted((a, b) => a.line - b.line);
  }

  /**
   * Returns the record, why it is doubtful if it has to be compared with what is stored, or null for an invalid one.
   */
  validate(entry: Entry): { readonly record: T } | Doubtful | null {
    this.received += 1;
    const { line } = entry;
    if ('problem' in entry)
      return this.reject({ line, sourceId: null, errors: [{ path: '', message: entry.problem }] });
    const parsed = (this.#isFull ? checkUnnamed : check)(this.#schema, entry.value);
    const sourceId = parsed.ok ? parsed.value.sourceId : readableSourceId(entry.value);
    const first = this.#firstLineOf(sourceId, line);
    if (first === null) {
      if (parsed.ok) return { record: parsed.value };
      return this.#doubt({ line, sourceId, errors: parsed.errors }, entry.value);
    }
    const again = { path: 'sourceId', message: `Already in this batch, on line ${first}` };
    return this.reject({ line, sourceId, errors: [...(parsed.ok ? [] : parsed.errors), again] });
  }

  /** The line where the batch had the `sourceId` before; null when it had not. */
  #firstLineOf(sourceId: string | null, line: number): number | null {
    if (sourceId === null) return null;
    const first = this.#firstLines.get(sourceId) ?? null;
    if (first === null) this.#firstLines.set(sourceId, line);
    return first;
  }

  /**
   * Stops looking up stored records once the list of rejections is full, so that a load of bad records costs no more
   * than one of good ones.
   */
  #doubt(rejection: Rejection, value: unknown): Doubtful | null {
    const { sourceId } = rejection;
    if (sourceId === null || this.rejected >= MAX_REJECTIONS_LISTED) return this.reject(rejection);
    return { ...rejection, sourceId, value: Object(value) as object };
  }

  /**
   * Returns the record when its only errors are in values that are stored unchanged, because a pull may store what no
   * caller can send.
   */
  validateAgain({ line, sourceId, value, errors }: Doubtful, stored: Stored | null): T | null {
    const parsed = stored && checkAgainst(this.#schema, value, stored);
    if (parsed?.ok) return parsed.value;
    return this.reject({ line, sourceId, errors: parsed?.errors ?? errors });
  }

  /** Adds a rejection found later. */
  reject({ errors, ...rejection }: Rejection): null {
    this.rejected += 1;
    if (this.#isFull) return null;
    const kept = errors.slice(0, MAX_ERRORS_A_RECORD);
    this.#bytes +=
      JSON_AROUND_A_REJECTION +
      Buffer.byteLength(rejection.sourceId ?? '') +
      kept.reduce((sum, error) => sum + bytesOf(error), 0);
    if (this.#bytes <= MAX_ERRORS_BYTES || this.#rejections.length === 0)
      this.#rejections.push({ ...rejection, errors: kept });
    return null;
  }

  get #isFull(): boolean {
    return this.#rejections.length >= MAX_REJECTIONS_LISTED || this.#bytes > MAX_ERRORS_BYTES;
  }
}

function readableSourceId(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || !('sourceId' in value)) return null;
  const parsed = checkUnnamed(sourceIdSchema, value.sourceId);
  return parsed.ok ? parsed.value : null;
}
