import type { z } from 'zod';
import { fingerprintOf } from '../../../domain/sync/fingerprint.ts';
import { ProviderError } from '../../provider-error.ts';
import type { ExternalState, ProviderRecord, ResourceWriter } from '../../provider.ts';
import { OBJECT_NOT_FOUND, requestIdOf } from './ask.ts';
import type { Ask } from './ask.ts';
import type { QuickBooksObject } from './objects.ts';
import { ACTIVE_OR_NOT, quoted } from './query.ts';
import { createSparseWriter } from './sparse-writer.ts';
import type { Body } from './sparse-writer.ts';

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

/** Writes objects that have a unique name by batches and sparse updates. */
export function createNamedWriter<Item extends QuickBooksObject>(ask: Ask, named: NamedEntity<Item>): ResourceWriter {
  const { nameProperty, toRecord, isActive, keepsInactive } = named;
  const { write, find, read, ...writer } = createSparseWriter(ask, {
    ...named,
    where: [ACTIVE_OR_NOT],
    // An inactive object that is no record is missing.
    isThere: (item) => keepsInactive || isActive(item),
    isAsWanted({ fields }, payload) {
      const made = fields === null ? {} : named.payloadOf(fields);
      return Object.keys(payload).every((name) => fingerprintOf([made[name]]) === fingerprintOf([payload[name]]));
    },
  });
  return {
    ...writer,
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
      const { items } = await find([`${nameProperty} = ${quoted(name)}`]);
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
