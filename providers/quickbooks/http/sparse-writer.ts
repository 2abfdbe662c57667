import type { z } from 'zod';
import { readItems } from '../../items.ts';
import { inOrder } from '../../outcomes-in-order.ts';
import { ProviderError } from '../../provider-error.ts';
import { remoteChanged } from '../../remote-changed.ts';
import type {
  BatchedCreation,
  BatchedUpdate,
  BatchOutcome,
  ExternalState,
  ProviderRecord,
  WriteOptions,
  WrittenRecord,
} from '../../provider.ts';
import { missingObject, requestIdOf, unreadableObject } from './ask.ts';
import type { Ask } from './ask.ts';
import { MOST_ITEMS, writeBatch, writerOfBatches } from './batch.ts';
import type { BatchItem, WriterOfBatches } from './batch.ts';
import { queryObjects } from './lists.ts';
import { idOf, versionOf } from './objects.ts';
import type { QuickBooksObject } from './objects.ts';
import { quotedList, select } from './query.ts';

export type Body = Readonly<Record<string, unknown>>;

/** How objects of an entity are written. */
export interface SparseEntity<Item extends QuickBooksObject> {
  readonly entity: string;
  readonly schema: z.ZodType<Item>;
  /** Conditions of every query, besides its own. */
  readonly where?: readonly string[];
  /** False for an object that is there and counts as missing. */
  readonly isThere: (item: Item) => boolean;
  /** Hears what an earlier reading has left with a link. */
  readonly learn?: (state: ExternalState | null) => void;
  readonly toRecord: (item: Item) => ProviderRecord | Promise<ProviderRecord>;
  /** Reads at once what the bodies of several new objects need. */
  readonly prepare?: (payloads: readonly Body[]) => Promise<void>;
  /** The body of a new object. */
  readonly newBody: (payload: Body) => Body | Promise<Body>;
  /** Whether a new object is as it was asked for. */
  readonly isAsWanted: (made: ProviderRecord, payload: Body) => boolean;
  /** Only the properties that differ. */
  readonly changesTo: (item: Item, payload: Body) => Body | Promise<Body>;
  /** Makes of an object what no sparse update can; null where a sparse update is enough. */
  readonly instead?: (item: Item, payload: Body, options: WriteOptions) => Promise<Item | ProviderError> | null;
  /** What the answer to a write agrees on; the answer itself by default. */
  readonly answered?: (record: ProviderRecord, payload: Body) => WrittenRecord;
}

export type Read<Item> = ReadonlyMap<string, Item | ProviderError>;

export interface SparseWriter<Item> extends WriterOfBatches {
  readonly write: (items: readonly BatchItem[], requestId: string) => Promise<readonly (Item | ProviderError)[]>;
  readonly find: (
    conditions: readonly string[],
    limit?: number,
  ) => Promise<ReturnType<typeof readItems<z.ZodType<Item>>>>;
  readonly read: (ids: readonly string[]) => Promise<Read<Item>>;
}

/**
 * Writes by batches of 30. An update reads the objects first and sends, sparsely, only what differs, with the SyncToken
 * that was read.
 */
export function createSparseWriter<Item extends QuickBooksObject>(
  ask: Ask,
  sparse: SparseEntity<Item>,
): SparseWriter<Item> {
  const { entity, schema, where = [] } = sparse;
  const write = (items: readonly BatchItem[], requestId: string) =>
    writeBatch(ask, { entity, schema }, { items, requestId });
  const find = async (conditions: readonly string[], limit?: number) => {
    const query = select({ entity, where: [...conditions, ...where], ...(limit !== undefined && { limit }) });
    return readItems(schema, await queryObjects(ask, entity, query), idOf);
  };
  const read = async (ids: readonly string[]): Promise<Read<Item>> => {
    const { items, unreadable } = await find([`Id in ${quotedList(ids)}`], ids.length);
    return new Map<string, Item | ProviderError>([
      ...items.map((item) => [item.Id, item] as const),
      ...unreadable.map(({ externalId, issues }) => [externalId ?? '', unreadableObject(issues)] as const),
    ]);
  };

  const create = async (creations: readonly BatchedCreation[], { idempotencyKey }: WriteOptions) => {
    await sparse.prepare?.(creations.map(({ mapped }) => mapped.payload));
    const bodies = await inOrder(creations, ({ mapped }) => sparse.newBody(mapped.payload));
    const sent = bodies.flatMap((body) => (body instanceof ProviderError ? [] : [body]));
    const items = sent.map((body) => ({ operation: 'create', body }) as const);
    const written = items.length === 0 ? [] : await write(items, requestIdOf(idempotencyKey));
    const outcomes = new Map(sent.map((body, index) => [body, written[index]]));
    return inOrder(creations, ({ mapped }, index) => {
      const body = bodies[index];
      if (body === undefined || body instanceof ProviderError) return body ?? missingObject();
      return createdOutcome(sparse, outcomes.get(body), mapped.payload);
    });
  };

  const update = async (
    updates: readonly BatchedUpdate[],
    { idempotencyKey }: WriteOptions,
  ): Promise<readonly BatchOutcome[]> => {
    for (const { externalState } of updates) sparse.learn?.(externalState);
    const current = await read(updates.map(({ externalId }) => externalId));
    const { changes, settled } = await changesOf(sparse, updates, current);
    // A repeated requestid is answered as before: with the tokens in it, it stands for this state of the objects alone.
    const requestId = requestIdOf(idempotencyKey, ...changes.map(({ Id, SyncToken }) => `${Id}:${SyncToken}`));
    const items = changes.map((body) => ({ operation: 'update', body }) as const);
    const written = changes.length === 0 ? [] : await write(items, requestId);
    const outcomes = new Map(changes.map(({ Id }, index) => [Id, writtenOf(Id, written[index])]));
    return inOrder(updates, ({ externalId, mapped }) =>
      outcomeOf(
        sparse,
        settled.get(externalId) ?? outcomes.get(externalId) ?? presentItem(sparse, current.get(externalId)),
        mapped.payload,
      ),
    );
  };

  return { ...writerOfBatches({ size: MOST_ITEMS, create, update }), write, find, read };
}

/** An object as a single update or a batch finds it. */
function presentItem<Item extends QuickBooksObject>(
  { isThere }: Pick<SparseEntity<Item>, 'isThere'>,
  found: Item | ProviderError | undefined,
): Item | ProviderError {
  if (found === undefined) return missingObject();
  return found instanceof ProviderError || isThere(found) ? found : missingObject();
}

/** What was told of another object says nothing of this one, and would tie its record to the other. */
const writtenOf = <Item extends QuickBooksObject>(id: string, told: Item | ProviderError | undefined) =>
  told === undefined || told instanceof ProviderError || told.Id === id
    ? told
    : unreadableObject('Id: expected that of the object that was sent');

type Change = Body & { readonly Id: string; readonly SyncToken: string };

/** What one update comes to: a sparse update, an outcome without one, or nothing to do. */
type Step<Item> = { readonly change: Change } | { readonly settled: Item | ProviderError } | null;

/** The sparse updates that make the objects as they are wanted; none for an object that is as wanted already. */
async function changesOf<Item extends QuickBooksObject>(
  sparse: SparseEntity<Item>,
  updates: readonly BatchedUpdate[],
  current: Read<Item>,
): Promise<{
  readonly changes: readonly Change[];
  readonly settled: ReadonlyMap<string, Item | ProviderError>;
}> {
  const steps = await inOrder(updates, async (one): Promise<Step<Item>> => {
    const { externalId, mapped } = one;
    const item = presentItem(sparse, current.get(externalId));
    if (item instanceof ProviderError) return { settled: item };
    const newer = remoteChanged('quickbooks', one, versionOf(item));
    if (newer) return { settled: newer };
    const instead = sparse.instead?.(item, mapped.payload, one) ?? null;
    if (instead !== null) return { settled: await instead };
    const changed = await sparse.changesTo(item, mapped.payload);
    const { Id, SyncToken } = item;
    return Object.keys(changed).length === 0 ? null : { change: { Id, SyncToken, sparse: true, ...changed } };
  });
  return {
    changes: steps.flatMap((one) => (one !== null && 'change' in one ? [one.change] : [])),
    settled: new Map(
      updates.flatMap(({ externalId }, index) => {
        const one = steps[index] ?? null;
        if (one instanceof ProviderError) return [[externalId, one] as const];
        return one !== null && 'settled' in one ? [[externalId, one.settled] as const] : [];
      }),
    ),
  };
}

async function outcomeOf<Item extends QuickBooksObject>(
  { toRecord, answered = (record) => record }: Pick<SparseEntity<Item>, 'toRecord' | 'answered'>,
  written: Item | ProviderError,
  wanted: Body,
): Promise<BatchOutcome> {
  return written instanceof ProviderError ? written : answered(await toRecord(written), wanted);
}

/**
 * A created object that is not as wanted was answered under a requestid that an earlier version of the record was sent
 * with: the write counts as a conflict, so that the object is looked up and updated.
 */
async function createdOutcome<Item extends QuickBooksObject>(
  sparse: SparseEntity<Item>,
  written: Item | ProviderError | undefined,
  wanted: Body,
): Promise<BatchOutcome> {
  if (written === undefined) return unreadableObject('BatchItemResponse: an item is missing');
  if (written instanceof ProviderError) return written;
  const made = await sparse.toRecord(written);
  if (made.fields === null || sparse.isAsWanted(made, wanted)) return sparse.answered?.(made, wanted) ?? made;
  return new ProviderError({ provider: 'quickbooks', kind: 'conflict', httpStatus: 200, code: 'answered-otherwise' });
}
