import type { z } from 'zod';
import { fingerprintOf } from '../../../domain/sync/fingerprint.ts';
import { inShortQueries } from '../../http/short-queries.ts';
import { textAt } from '../../items.ts';
import { ProviderError } from '../../provider-error.ts';
import type {
  BatchOutcome,
  BatchWriter,
  BulkHint,
  ExternalState,
  ProviderRecord,
  ResourceWriter,
} from '../../provider.ts';
import { OBJECT_NOT_FOUND, requestIdOf } from './ask.ts';
import type { Ask } from './ask.ts';
import { MOST_ITEMS, writerOfBatches } from './batch.ts';
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
  /** Whether an object that was there before, with the record's name, is the record's all the same. Absent: it never is. */
  readonly isTheSame?: (item: Item, payload: Body) => boolean;
}

/** Names of customers, vendors and employees are unique together. */
const NAME_TAKEN = '6240';

/** Writes objects that have a unique name by batches and sparse updates. */
export function createNamedWriter<Item extends QuickBooksObject>(ask: Ask, named: NamedEntity<Item>): ResourceWriter {
  const { nameProperty, toRecord, isActive, keepsInactive } = named;
  const { write, find, read, batch } = createSparseWriter(ask, {
    ...named,
    where: [ACTIVE_OR_NOT],
    // An inactive object that is no record is missing.
    isThere: (item) => keepsInactive || isActive(item),
    isAsWanted({ fields }, payload) {
      const made = fields === null ? {} : named.payloadOf(fields);
      return Object.keys(payload).every((name) => fingerprintOf([made[name]]) === fingerprintOf([payload[name]]));
    },
  });
  /** Objects that were there when a record of their name was to be made. */
  const met = new Set<string>();

  /** A name that is taken by what is the record's all the same is a conflict: the object is looked up, and changed. */
  const create: BatchWriter['create'] = async (creations, options) => {
    const outcomes = await batch.create(creations, options);
    const refused = creations.filter((_, index) => isNameTaken(outcomes[index]));
    if (refused.length === 0 || !named.isTheSame) return outcomes;
    const there = await madeByName(refused.flatMap(({ mapped }) => nameOf(mapped.payload) ?? []));
    return outcomes.map((outcome, index) => {
      const payload = creations[index]?.mapped.payload ?? {};
      const item = isNameTaken(outcome) && theSame(there.get(comparable(nameOf(payload) ?? '')) ?? [], payload);
      if (!item) return outcome;
      met.add(item.Id);
      return nameTaken('conflict');
    });
  };

  return {
    ...writerOfBatches({ ...batch, create }),
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
     * record's, and one that tells more than its name.
     */
    async findRemote({ excluded = [], ...hint }) {
      const name = nameOf(named.payloadOf(hint.fields));
      if (name === null) return { found: null, after: null };
      const { items } = await find([`${nameProperty} = ${quoted(name)}`]);
      const others = items.filter(({ Id }) => !excluded.includes(Id));
      const found = await chosen(others, hint);
      // It is another record's.
      if (found === null && theSame(items, named.payloadOf(hint.fields))) throw nameTaken('rejected');
      return { found, after: null };
    },

    findMany: {
      size: MOST_ITEMS,
      async find(hints) {
        const nameIn = ({ fields }: BulkHint) => nameOf(named.payloadOf(fields));
        const made = await madeByName(hints.flatMap((hint) => nameIn(hint) ?? []));
        const found = new Map<string, ProviderRecord | null>();
        for (const hint of hints) {
          const items = made.get(comparable(nameIn(hint) ?? ''));
          if (items) found.set(hint.recordId, await chosen(items, hint));
        }
        return found;
      },
    },
  };

  function theSame(items: readonly Item[], payload: Body): Item | undefined {
    return items.find((item) => isActive(item) && named.isTheSame?.(item, payload) === true);
  }

  async function chosen(items: readonly Item[], { fields, createdSinceEpochS }: BulkHint) {
    const isMadeSince = ({ MetaData }: Item) => Date.parse(MetaData.CreateTime) >= createdSinceEpochS * 1_000;
    const made = items.find((item) => isActive(item) && isMadeSince(item) && !met.has(item.Id));
    if (made) return toRecord(made);
    const there = theSame(items, named.payloadOf(fields));
    return there ? ({ ...(await toRecord(there)), wasThere: true } as const) : null;
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

function nameOf({ name }: Body): string | null {
  return typeof name === 'string' ? name : null;
}

const nameTaken = (kind: 'conflict' | 'rejected'): ProviderError =>
  new ProviderError({ provider: 'quickbooks', kind, httpStatus: 400, code: NAME_TAKEN });

const isNameTaken = (outcome: BatchOutcome | undefined): boolean =>
  outcome instanceof ProviderError && outcome.details.code === NAME_TAKEN;

/** QuickBooks compares names without regard to case. */
const comparable = (name: string): string => name.toLowerCase();
