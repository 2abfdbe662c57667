import type { VenueId } from '../../contracts/ids.ts';
import type { AuditOf } from '../../db/core/audit-store.ts';
import type { RecordInput, RecordStore } from '../../db/records/record-store.ts';
import { toDocuments } from '../../db/records/record-writing.ts';
import type { UpsertVerdict } from '../../db/records/record-writing.ts';
import { ApiError } from '../errors/api-error.ts';
import type { KeyClaim } from '../http/key-claim.ts';
import { JSON_TYPE } from '../http/body.ts';
import type { BatchBody } from '../http/body.ts';
import { BatchValidator } from './batch-validator.ts';
import type { Doubtful, Entry, Rejection } from './batch-validator.ts';
import type { BodyPart } from '../http/body-parts.ts';
import { readBatch } from './json-batch.ts';
import { decodeJson } from '../http/json.ts';
import { readLines } from '../http/ndjson.ts';
import type { RecordKind } from '../../records/record-kind.ts';
import { schemasOf } from '../schemas/records/record-schemas.ts';

export interface LoadCounts {
  readonly received: number;
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly rejected: number;
}

export interface LoadResult extends LoadCounts {
  readonly rejections: readonly Rejection[];
}

/** The destination of a load. */
export interface LoadTarget {
  readonly kind: RecordKind;
  readonly store: RecordStore;
  readonly venueId: VenueId;
  /** To be made before anything is written, or with it. */
  readonly claim: KeyClaim | null;
}

export interface AtomicLoadTarget extends LoadTarget {
  /** Makes the load's audit row, which is written in its transaction. */
  readonly auditOf: AuditOf<LoadCounts>;
}

const RECORDS_A_WRITE = 1_000;
/** Bytes of the records as they were sent, so that a thousand large ones are not held at once. */
const BYTES_A_WRITE = 4 * 1_048_576;
const MAX_RECORDS = 200_000;
/** Records that are looked up together. Each may be a megabyte. */
const COMPARED_AT_ONCE = 4;

const NOT_A_RECORD: Partial<Record<string, string>> = {
  'malformed-json': 'Not valid JSON',
  'invalid-encoding': 'Not valid UTF-8',
  'too-deeply-nested': 'Nested too deeply',
  'too-many-values': 'Holds more than 100,000 values, or 1,000 members in one object',
};

interface Judged {
  readonly line: number;
  readonly record: RecordInput;
}

/**
 * Stores the valid records, a thousand per transaction, and lists the invalid ones. The body is read only as fast as
 * records are written. Throws ApiError for a body that is not a batch, and `batch-too-large`; records before that point
 * may have been stored.
 */
export async function loadRecords(target: LoadTarget, body: BatchBody): Promise<LoadResult> {
  const validator = new BatchValidator(schemasOf(target.kind).record);
  const verdicts: Record<Extract<UpsertVerdict, string>, number> = { created: 0, updated: 0, unchanged: 0 };
  try {
    for await (const some of ahead(goodRecords(validator, body, target))) {
      const results = await upsert(
        target,
        some.map(({ record }) => record),
      );
      for (const [index, verdict] of results.entries()) {
        if (typeof verdict === 'string') verdicts[verdict] += 1;
        else
          validator.reject({
            line: some[index]?.line ?? 0,
            sourceId: some[index]?.record.sourceId ?? null,
            errors: verdict,
          });
      }
    }
  } catch (error) {
    throw withKept(error, verdicts.created + verdicts.updated + verdicts.unchanged);
  }
  return { received: validator.received, ...verdicts, rejected: validator.rejected, rejections: validator.rejections };
}

async function upsert(
  { store, venueId, claim }: LoadTarget,
  records: readonly RecordInput[],
): Promise<readonly UpsertVerdict[]> {
  const written = await claim?.makeWith((pending) => store.tryUpsertFew(venueId, records, pending));
  return written ?? store.upsertMany(venueId, records);
}

/** Stores all records or none, in one transaction. Throws `batch-refused` with the errors of every invalid record. */
export async function loadRecordsAtomically(
  { auditOf, ...target }: AtomicLoadTarget,
  body: BatchBody,
): Promise<LoadResult> {
  await target.claim?.make();
  const validator = new BatchValidator(schemasOf(target.kind).record);
  const result = await target.store.upsertAll(target.venueId, {
    documents: numbered(goodRecords(validator, body, target)),
    mayWrite: () => validator.rejected === 0,
    limit: validator.limit,
    auditOf: (counts) => auditOf({ received: validator.received, ...counts, rejected: 0 }),
  });
  if (result.written) {
    const { created, updated, unchanged } = result;
    return { received: validator.received, created, updated, unchanged, rejected: 0, rejections: [] };
  }
  for (const { no, sourceId, problems } of result.violations)
    validator.reject({ line: no, sourceId, errors: problems });
  const rejected = validator.rejected + result.total - result.violations.length;
  const prefix = body.type === JSON_TYPE ? (line: number) => `records.${line - 1}` : (line: number) => `lines.${line}`;
  const errors = validator.rejections.flatMap(({ line, errors: own }) =>
    own.map(({ path, message }) => ({ path: path === '' ? prefix(line) : `${prefix(line)}.${path}`, message })),
  );
  throw new ApiError('batch-refused', `${rejected} of ${validator.received} records are bad. Nothing was written.`, {
    errors,
  });
}

async function* numbered(source: AsyncIterable<readonly Judged[]>) {
  for await (const some of ahead(source)) {
    const documents = toDocuments(some.map(({ record }) => record));
    yield documents.map((document, index) => ({ ...document, no: some[index]?.line ?? 0 }));
  }
}

/**
 * Yields groups of records that are written at once. Throws `batch-too-large` after the last record that a batch may
 * have.
 */
async function* goodRecords(
  validator: BatchValidator<RecordInput>,
  body: BatchBody,
  target: LoadTarget,
): AsyncGenerator<readonly Judged[]> {
  const pile = new Pile();
  let doubtful: (Doubtful & { readonly part: BodyPart })[] = [];
  const compare = async () => {
    const known = await findStored(target, doubtful);
    for (const { part, ...one } of doubtful) {
      const record = validator.validateAgain(one, known.get(one.sourceId) ?? null);
      if (record !== null) pile.add(record, part);
    }
    doubtful = [];
  };
  for await (const part of partsOf(body)) {
    if (validator.received >= MAX_RECORDS) {
      await compare();
      if (!pile.isEmpty) yield pile.take();
      throw new ApiError('batch-too-large', `A load is at most ${MAX_RECORDS} records.`);
    }
    const verdict = validator.validate(toEntry(part, body));
    if (verdict !== null && 'record' in verdict) pile.add(verdict.record, part);
    else if (verdict !== null) doubtful.push({ ...verdict, part });
    if (doubtful.length >= COMPARED_AT_ONCE) await compare();
    if (pile.isFull) yield pile.take();
  }
  await compare();
  if (!pile.isEmpty) yield pile.take();
}

/** The stored records with these `sourceId`s. */
async function findStored({ kind, store, venueId }: LoadTarget, doubtful: readonly Doubtful[]) {
  if (doubtful.length === 0) return new Map<string, never>();
  const records = await store.findBySourceIds(
    venueId,
    doubtful.map(({ sourceId }) => sourceId),
  );
  const fields = ['sourceId', ...Object.keys(kind.fields)];
  return new Map(records.map((record) => [record.sourceId, { shown: record, fields }]));
}

/** Records collected for the next write. */
class Pile {
  #records: Judged[] = [];
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#records.length === 0;
  }

  get isFull(): boolean {
    return this.#records.length >= RECORDS_A_WRITE || this.#bytes >= BYTES_A_WRITE;
  }

  add(record: RecordInput, { number, bytes }: BodyPart): void {
    this.#records.push({ line: number, record });
    this.#bytes += bytes?.length ?? 0;
  }

  take(): readonly Judged[] {
    const records = this.#records;
    this.#records = [];
    this.#bytes = 0;
    return records;
  }
}

const partsOf = ({ type, stream, turns }: BatchBody): AsyncGenerator<BodyPart> =>
  (type === JSON_TYPE ? readBatch : readLines)(stream.chunks(), turns);

/**
 * A line that is not JSON is one rejection. In a JSON list, a syntax error makes the rest unreadable, so the body is
 * rejected.
 */
function toEntry({ number, bytes }: BodyPart, { type }: BatchBody): Entry {
  if (bytes === null) return { line: number, problem: 'Longer than 1 MB' };
  try {
    return { line: number, value: decodeJson(bytes) };
  } catch (error) {
    const problem = error instanceof ApiError ? NOT_A_RECORD[error.code] : undefined;
    if (!(error instanceof ApiError) || problem === undefined) throw error;
    if (type === JSON_TYPE)
      throw new ApiError(error.code, `Record ${number}: ${error.message}`, { cause: error.cause });
    return { line: number, problem };
  }
}

/** Yields the same items, but requests the next while one is processed. */
async function* ahead<T>(source: AsyncIterable<T>): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]();
  const ask = () => {
    const next = iterator.next();
    // The promise is awaited below, where its failure is handled; this avoids an unhandled rejection until then.
    next.catch(() => undefined);
    return next;
  };
  for (let next = ask(); ;) {
    const result = await next;
    if (result.done) return;
    next = ask();
    yield result.value;
  }
}

function withKept(error: unknown, kept: number): unknown {
  if (!(error instanceof ApiError) || kept === 0) return error;
  return new ApiError(error.code, `${error.message} ${kept} records before that were kept.`, {
    cause: error.cause,
    headers: error.headers,
    errorsOmitted: error.errorsOmitted,
    ...(error.errors && { errors: error.errors }),
  });
}
