import type { z } from 'zod';
import { fingerprintOf } from '../../../domain/sync/fingerprint.ts';
import { inShortQueries } from '../../http/short-queries.ts';
import { textAt } from '../../items.ts';
import { ProviderError } from '../../provider-error.ts';
import type { ExternalState, ProviderRecord, ResourceWriter } from '../../provider.ts';
import { OBJECT_NOT_FOUND, requestIdOf } from './ask.ts';
import type { Ask } from './ask.ts';
import { MOST_ITEMS } from './batch.ts';
import type { QuickBooksObject } from './objects.ts';
import { ACTIVE_OR_NOT, quoted, quotedList } from './query.ts';
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
      const name = nameIn(fields);
      if (name === null) return { found: null, after: null };
      const { items } = await find([`${nameProperty} = ${quoted(name)}`]);
      const found = items.find((item) => !excluded.includes(item.Id) && isMadeSince(item, createdSinceEpochS));
      return { found: found ? await toRecord(found) : null, after: null };
    },

    findMany: {
      size: MOST_ITEMS,
      async find(hints) {
        const made = await madeByName(hints.flatMap(({ fields }) => nameIn(fields) ?? []));
        const found = new Map<string, ProviderRecord | null>();
        for (const { recordId, fields, createdSinceEpochS } of hints) {
          const items = made.get(comparable(nameIn(fields) ?? ''));
          const item = items?.find((one) => isMadeSince(one, createdSinceEpochS));
          if (items) found.set(recordId, item ? await toRecord(item) : null);
        }
        return found;
      },
    },
  };

  function nameIn(fields: NonNullable<ProviderRecord['fields']>): string | null {
    const { name } = named.payloadOf(fields);
    return typeof name === 'string' ? name : null;
  }

  function isMadeSince(item: Item, sinceEpochS: number): boolean {
    return named.isActive(item) && Date.parse(item.MetaData.CreateTime) >= sinceEpochS * 1_000;
  }

  /** Objects by their comparable name. Empty where one has a name that is none of those, or cannot be read: nothing is certain then. */
  async function madeByName(names: readonly string[]): Promise<ReadonlyMap<string, readonly Item[]>> {
    const made = new Map<string, Item[]>(names.map((name) => [comparable(name), []]));
    for (const some of inShortQueries(names, "'', ")) {
      const { items, unreadable } = await find([`${nameProperty} in ${quotedList(some)}`]);
      const known = items.map((item) => ({ item, items: made.get(comparable(textAt(item, nameProperty) ?? '')) }));
      if (unreadable.length > 0 || known.some((one) => one.items === undefined)) return new Map();
      for (const one of known) one.items?.push(one.item);
    }
    return made;
  }
}

/** QuickBooks compares names without regard to case. */
const comparable = (name: string): string => name.toLowerCase();
