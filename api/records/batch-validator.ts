import type { z } from 'zod';
import type { FieldError } from '../errors/api-error.ts';
import { bytesOf, MAX_ERRORS_BYTES } from '../errors/error-list.ts';
import { check } from '../http/parse.ts';
import { sourceId as sourceIdSchema } from '../schemas/common.ts';

export interface Rejection {
  readonly line: number;
  readonly sourceId: string | null;
  readonly errors: readonly FieldError[];
}

/** One record as it was sent, or why it could not even be read. */
export type Entry =
  { readonly line: number; readonly value: unknown } | { readonly line: number; readonly problem: string };

// They keep memory and the answer bounded when everything is bad. All rejections are counted.
const MAX_REJECTIONS_LISTED = 1_000;
const MAX_ERRORS_A_RECORD = 50;
const JSON_AROUND_A_REJECTION = 50;

/** Tells good records of a batch from bad ones, the second of two with one `sourceId` among them. */
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

  /** By line. */
  get rejections(): readonly Rejection[] {
    return this.#rejections.toSorted((a, b) => a.line - b.line);
  }

  /** The record, or null for a bad one. */
  validate(entry: Entry): T | null {
    this.received += 1;
    const { line } = entry;
    if ('problem' in entry)
      return this.reject({ line, sourceId: null, errors: [{ path: '', message: entry.problem }] });
    const parsed = check(this.#schema, entry.value);
    const sourceId = parsed.ok ? parsed.value.sourceId : readableSourceId(entry.value);
    const first = sourceId === null ? undefined : this.#firstLines.get(sourceId);
    if (sourceId !== null && first === undefined) this.#firstLines.set(sourceId, line);
    const errors = [
      ...(parsed.ok ? [] : parsed.errors),
      ...(first === undefined ? [] : [{ path: 'sourceId', message: `Already in this batch, on line ${first}` }]),
    ];
    if (errors.length > 0 || !parsed.ok) return this.reject({ line, sourceId, errors });
    return parsed.value;
  }

  /** What was found to be bad later, too. */
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
  const parsed = check(sourceIdSchema, value.sourceId);
  return parsed.ok ? parsed.value : null;
}
