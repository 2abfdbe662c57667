import type { z } from 'zod';
import { fingerprintOf } from '../../../domain/sync/fingerprint.ts';
import { readItems, unreadableIssuesOf } from '../../items.ts';
import { ProviderError } from '../../provider-error.ts';
import { remoteChanged } from '../../remote-changed.ts';
import type {
  BatchedCreation,
  BatchedUpdate,
  BatchOutcome,
  ExternalState,
  ProviderRecord,
  ResourceWriter,
  WriteOptions,
} from '../../provider.ts';
import { missingObject, OBJECT_NOT_FOUND, requestIdOf, unreadableObject } from './ask.ts';
import type { Ask } from './ask.ts';
import { MOST_ITEMS, writeBatch, writerOfBatches } from './batch.ts';
import type { BatchItem } from './batch.ts';
import { idOf, versionOf } from './objects.ts';
import type { QuickBooksObject } from './objects.ts';
import { queryObjects } from './lists.ts';
import { ACTIVE_OR_NOT, quoted, quotedList, select } from './query.ts';

type Body = Readonly<Record<string, unknown>>;

/** How objects of an entity with a unique name are written. */
export interface NamedEntity<Item extends QuickBooksObject> {
  readonly entity: string;
  readonly schema: z.ZodType<Item>;
  /** The property with the unique name. */
  readonly nameProperty: 'DisplayName' | 'Name';
  readonly isActive: (item: Item) => boolean;
  /** Whether an inactive object is still a record; otherwise it counts as deleted. */
  readonly keepsInactive: boolean;
  /** Hears what an earlier reading has left with a link. */
  readonly learn?: (state: ExternalState | null) => void;
  readonly toRecord: (item: Item) => ProviderRecord | Promise<ProviderRecord>;
  /** What the mapping makes of a record's fields, with the name as `name`; compares two readings of one object. */
  readonly payloadOf: (fields: NonNullable<ProviderRecord['fields']>) => Body;
  /** The body of a new object. */
  readonly newBody: (payload: Body) => Body | Promise<Body>;
  /** Only the properties that differ. */
  readonly changesTo: (item: Item, payload: Body) => Body | Promise<Body>;
}

type Read<Item> = ReadonlyMap<string, Item | ProviderError>;

/**
 * Writes by batches of 30. An update reads the objects first and sends, sparsely, only what differs, with the SyncToken
 * that was read.
 */
export function createNamedWriter<Item extends QuickBooksObject>(ask: Ask, named: NamedEntity<Item>): ResourceWriter {
  const { entity, schema, nameProperty, toRecord } = named;
  const write = (items: readonly BatchItem[], requestId: string) =>
    writeBatch(ask, { entity, schema }, { items, requestId });
  const find = async (condition: string, limit?: number) => {
    const query = select({ entity, where: [condition, ACTIVE_OR_NOT], ...(limit !== undefined && { limit }) });
    return readItems(schema, await queryObjects(ask, entity, query), idOf);
  };
  const read = async (ids: readonly string[]): Promise<Read<Item>> => {
    const { items, unreadable } = await find(`Id in ${quotedList(ids)}`, ids.length);
    return new Map<string, Item | ProviderError>([
      ...items.map((item) => [item.Id, item] as const),
      ...unreadable.map(({ externalId, issues }) => [externalId ?? '', unreadableObject(issues)] as const),
    ]);
  };

  const create = async (creations: readonly BatchedCreation[], { idempotencyKey }: WriteOptions) => {
    const bodies = await inOrder(creations, ({ mapped }) => named.newBody(mapped.payload));
    const sent = bodies.flatMap((body) => (body instanceof ProviderError ? [] : [body]));
    const items = sent.map((body) => ({ operation: 'create', body }) as const);
    const written = items.length === 0 ? [] : await write(items, requestIdOf(idempotencyKey));
    const outcomes = new Map(sent.map((body, index) => [body, written[index]]));
    return inOrder(creations, ({ mapped }, index) => {
      const body = bodies[index];
      if (body === undefined || body instanceof ProviderError) return body ?? missingObject();
      return createdOutcome(named, outcomes.get(body), mapped.payload);
    });
  };

  const update = async (
    updates: readonly BatchedUpdate[],
    { idempotencyKey }: WriteOptions,
  ): Promise<readonly BatchOutcome[]> => {
    for (const { externalState } of updates) named.learn?.(externalState);
    const current = await read(updates.map(({ externalId }) => externalId));
    const { changes, refused } = await changesOf(named, updates, current);
    // A repeated requestid is answered as before: with the tokens in it, it stands for this state of the objects alone.
    const requestId = requestIdOf(idempotencyKey, ...changes.map(({ Id, SyncToken }) => `${Id}:${SyncToken}`));
    const items = changes.map((body) => ({ operation: 'update', body }) as const);
    const written = changes.length === 0 ? [] : await write(items, requestId);
    const outcomes = new Map(changes.map(({ Id }, index) => [Id, written[index]]));
    return inOrder(updates, ({ externalId }) =>
      outcomeOf(
        named,
        refused.get(externalId) ?? outcomes.get(externalId) ?? presentItem(named, current.get(externalId)),
      ),
    );
  };

  return {
    ...writerOfBatches({ size: MOST_ITEMS, create, update }),

    /** What has a name cannot be deleted: it is made inactive, which frees the name. */
    async archive(externalId, { idempotencyKey }) {
      const found = (await read([externalId])).get(externalId);
      if (found instanceof ProviderError) throw found;
      if (!found) return 'deleted';
      const end = named.keepsInactive ? 'archived' : 'deleted';
      if (!named.isActive(found)) return end;
      const body = { Id: found.Id, SyncToken: found.SyncToken, sparse: true, Active: false };
      const [outcome] = await write([{ operation: 'update', body }], requestIdOf(idempotencyKey, found.SyncToken));
      if (outcome instanceof ProviderError && outcome.details.code !== OBJECT_NOT_FOUND) throw outcome;
      return end;
    },

    /**
     * No object has a place for an id of ours, but names are unique: one that was made since the write was sent is the
     * record's.
     */
    async findRemote({ fields, createdSinceEpochS, excluded = [] }) {
      const { name } = named.payloadOf(fields);
      if (typeof name !== 'string') return { found: null, after: null };
      const { items } = await find(`${nameProperty} = ${quoted(name)}`);
      const found = items.find(
        (item) =>
          named.isActive(item) &&
          !excluded.includes(item.Id) &&
          Date.parse(item.MetaData.CreateTime) >= createdSinceEpochS * 1_000,
      );
      return { found: found ? await toRecord(found) : null, after: null };
    },
  };
}

/** An object as a single update or a batch finds it; an inactive one that is no record is missing. */
function presentItem<Item extends QuickBooksObject>(
  { isActive, keepsInactive }: Pick<NamedEntity<Item>, 'isActive' | 'keepsInactive'>,
  found: Item | ProviderError | undefined,
): Item | ProviderError {
  if (found === undefined) return missingObject();
  return found instanceof ProviderError || keepsInactive || isActive(found) ? found : missingObject();
}

type Change = Body & { readonly Id: string; readonly SyncToken: string };

/** The sparse updates that make the objects as they are wanted; none for an object that is as wanted already. */
async function changesOf<Item extends QuickBooksObject>(
  named: NamedEntity<Item>,
  updates: readonly BatchedUpdate[],
  current: Read<Item>,
): Promise<{ readonly changes: readonly Change[]; readonly refused: ReadonlyMap<string, ProviderError> }> {
  const all = await inOrder(updates, async (one): Promise<Change | ProviderError | null> => {
    const { externalId, mapped } = one;
    const item = presentItem(named, current.get(externalId));
    if (item instanceof ProviderError) return item;
    const newer = remoteChanged('quickbooks', one, versionOf(item));
    if (newer) return newer;
    const changed = await named.changesTo(item, mapped.payload);
    const { Id, SyncToken } = item;
    return Object.keys(changed).length === 0 ? null : { Id, SyncToken, sparse: true, ...changed };
  });
  return {
    changes: all.flatMap((one) => (one === null || one instanceof ProviderError ? [] : [one])),
    refused: new Map(
      updates.flatMap(({ externalId }, index) => {
        const one = all[index];
        return one instanceof ProviderError ? [[externalId, one] as const] : [];
      }),
    ),
  };
}

/** Results one after the other. What goes wrong with one alone is its result; any other failure is thrown. */
async function inOrder<Given, Made>(
  items: readonly Given[],
  make: (item: Given, index: number) => Made | ProviderError | Promise<Made | ProviderError>,
): Promise<(Made | ProviderError)[]> {
  const results: (Made | ProviderError)[] = [];
  for (const [index, item] of items.entries())
    try {
      results.push(await make(item, index));
    } catch (error) {
      if (!(error instanceof ProviderError) || !isOfOneObject(error)) throw error;
      results.push(error);
    }
  return results;
}

/** Refused here, before any call, or unreadable. */
const isOfOneObject = (error: ProviderError): boolean =>
  unreadableIssuesOf(error) !== null || (error.details.kind === 'rejected' && error.details.httpStatus === undefined);

async function outcomeOf<Item extends QuickBooksObject>(
  { toRecord }: Pick<NamedEntity<Item>, 'toRecord'>,
  written: Item | ProviderError,
): Promise<BatchOutcome> {
  return written instanceof ProviderError ? written : toRecord(written);
}

/**
 * A created object that is not as wanted was answered under a requestid that an earlier version of the record was sent
 * with: the write counts as a conflict, so that the object is looked up and updated.
 */
async function createdOutcome<Item extends QuickBooksObject>(
  named: NamedEntity<Item>,
  written: Item | ProviderError | undefined,
  wanted: Body,
): Promise<BatchOutcome> {
  if (written === undefined) return unreadableObject('BatchItemResponse: an item is missing');
  const outcome = await outcomeOf(named, written);
  if (outcome instanceof ProviderError || outcome.fields === null) return outcome;
  const made = named.payloadOf(outcome.fields);
  const isAsWanted = Object.keys(wanted).every((name) => fingerprintOf([made[name]]) === fingerprintOf([wanted[name]]));
  if (isAsWanted) return outcome;
  return new ProviderError({ provider: 'quickbooks', kind: 'conflict', httpStatus: 200, code: 'answered-otherwise' });
}
