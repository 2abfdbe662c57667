import { setImmediate as yieldToOthers } from 'node:timers/promises';
import type { VenueId } from '../contracts/ids.ts';
import type { CustomerInput, CustomerStore, UpsertVerdict } from '../db/customer-store.ts';
import { ApiError } from './api-error.ts';
import type { FieldError } from './api-error.ts';
import type { BatchBody } from './body.ts';
import type { Line } from './body-stream.ts';
import { decodeJson } from './json.ts';
import { allOf, check, checkOutside } from './parse.ts';
import { customerRecord } from './schemas/customer.ts';
import { batchEnvelope } from './schemas/customer-batch.ts';

export interface Rejection {
  readonly line: number;
  readonly sourceId: string | null;
  readonly errors: readonly FieldError[];
}

export interface LoadResult {
  readonly received: number;
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly rejected: number;
  readonly rejections: readonly Rejection[];
}

const RECORDS_A_TRANSACTION = 1_000;
const MAX_RECORDS = 200_000;
const MAX_ATOMIC_RECORDS = 10_000;
/** Keeps memory bounded when everything is bad. All are counted. */
const MAX_REJECTIONS_LISTED = 10_000;

const NOT_A_RECORD: Partial<Record<string, string>> = {
  'malformed-json': 'Not valid JSON',
  'invalid-encoding': 'Not valid UTF-8',
  'too-deeply-nested': 'Nested too deeply',
};

/** One record as it was sent, or why it could not even be read. */
type Entry = { readonly line: number; readonly value: unknown } | { readonly line: number; readonly problem: string };

/**
 * Keeps the good records, a thousand a transaction, and lists the bad ones. The body is read no faster than it is written.
 * Throws ApiError for a body that is not a batch, and `batch-too-large`.
 */
export async function loadCustomers(customers: CustomerStore, venueId: VenueId, body: BatchBody): Promise<LoadResult> {
  const batch = new Batch();
  const verdicts: Record<UpsertVerdict, number> = { created: 0, updated: 0, unchanged: 0 };
  let waiting: CustomerInput[] = [];
  const flush = async (): Promise<void> => {
    for (const verdict of await customers.upsertMany(venueId, waiting)) verdicts[verdict] += 1;
    waiting = [];
  };

  for await (const entry of entriesOf(body)) {
    if (batch.received >= MAX_RECORDS) {
      if (waiting.length > 0) await flush();
      const kept = verdicts.created + verdicts.updated + verdicts.unchanged;
      throw new ApiError('batch-too-large', `A load is at most ${MAX_RECORDS} records. ${kept} of the first ${MAX_RECORDS} were kept.`);
    }
    const record = batch.judge(entry);
    if (record && waiting.push(record) >= RECORDS_A_TRANSACTION) await flush();
  }
  if (waiting.length > 0) await flush();
  return { received: batch.received, ...verdicts, rejected: batch.rejected, rejections: batch.rejections };
}

/** Keeps all or none, in one transaction. Throws `batch-refused` with every error of every record when one is bad. */
export async function loadCustomersAtomically(customers: CustomerStore, venueId: VenueId, body: BatchBody): Promise<LoadResult> {
  const batch = new Batch();
  const records: CustomerInput[] = [];
  for await (const entry of entriesOf(body)) {
    if (batch.received >= MAX_ATOMIC_RECORDS) throw new ApiError('batch-too-large', `An atomic load is at most ${MAX_ATOMIC_RECORDS} records. None was kept.`);
    const record = batch.judge(entry);
    if (record) records.push(record);
  }
  if (batch.rejected > 0) {
    const prefix = body.kind === 'json' ? (line: number) => `records.${line - 1}` : (line: number) => `lines.${line}`;
    const errors = batch.rejections.flatMap(({ line, errors: own }) =>
      own.map(({ path, message }) => ({ path: path === '' ? prefix(line) : `${prefix(line)}.${path}`, message })),
    );
    throw new ApiError('batch-refused', `${batch.rejected} of ${batch.received} records are bad. Nothing was written.`, { errors });
  }
  const verdicts: Record<UpsertVerdict, number> = { created: 0, updated: 0, unchanged: 0 };
  for (const verdict of await customers.upsertMany(venueId, records)) verdicts[verdict] += 1;
  return { received: batch.received, ...verdicts, rejected: 0, rejections: [] };
}

async function* entriesOf(body: BatchBody): AsyncGenerator<Entry> {
  if (body.kind === 'ndjson') {
    for await (const line of body.stream.lines()) yield toEntry(line);
    return;
  }
  const [envelope] = allOf(checkOutside(batchEnvelope, decodeJson(body.bytes)));
  const { records } = envelope;
  if (records.length > MAX_RECORDS) throw new ApiError('batch-too-large', `A load is at most ${MAX_RECORDS} records. None was kept.`);
  for (const [index, value] of records.entries()) {
    if (index % RECORDS_A_TRANSACTION === 0) await yieldToOthers();
    yield { line: index + 1, value };
  }
}

function toEntry({ number, bytes }: Line): Entry {
  if (bytes === null) return { line: number, problem: 'Longer than 1 MB' };
  try {
    return { line: number, value: decodeJson(bytes) };
  } catch (error) {
    const problem = error instanceof ApiError ? NOT_A_RECORD[error.code] : undefined;
    if (problem === undefined) throw error;
    return { line: number, problem };
  }
}

/** Tells good records from bad ones, the second of two with one `sourceId` among them. */
class Batch {
  received = 0;
  rejected = 0;
  readonly rejections: Rejection[] = [];
  readonly #firstLines = new Map<string, number>();

  /** The record, or null for a bad one. */
  judge(entry: Entry): CustomerInput | null {
    this.received += 1;
    const { line } = entry;
    if ('problem' in entry) return this.#reject({ line, sourceId: null, errors: [{ path: '', message: entry.problem }] });
    const parsed = check(customerRecord, entry.value);
    const sourceId = parsed.ok ? parsed.value.sourceId : readableSourceId(entry.value);
    const first = sourceId === null ? undefined : this.#firstLines.get(sourceId);
    if (sourceId !== null && first === undefined) this.#firstLines.set(sourceId, line);
    const errors = [...(parsed.ok ? [] : parsed.errors), ...(first === undefined ? [] : [{ path: 'sourceId', message: `Already in this batch, on line ${first}` }])];
    if (errors.length > 0 || !parsed.ok) return this.#reject({ line, sourceId, errors });
    return parsed.value;
  }

  #reject(rejection: Rejection): null {
    this.rejected += 1;
    if (this.rejections.length < MAX_REJECTIONS_LISTED) this.rejections.push(rejection);
    return null;
  }
}

function readableSourceId(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || !('sourceId' in value)) return null;
  const parsed = check(customerRecord.shape.sourceId, value.sourceId);
  return parsed.ok ? parsed.value : null;
}
