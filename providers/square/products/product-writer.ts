import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { idIn, textAt } from '../../items.ts';
import { ProviderError } from '../../provider-error.ts';
import type {
  BatchOutcome,
  BatchedCreation,
  BatchedUpdate,
  ProviderRecord,
  RemoteHint,
  RemoteSearch,
  ResourceWriter,
  WriteOptions,
} from '../../provider.ts';
import { nullWhenMissing, unreadableObject } from '../http/ask.ts';
import type { Ask } from '../http/ask.ts';
import { remoteChanged } from '../../remote-changed.ts';
import { whenSettled } from '../http/search-lag.ts';
import { writerOfBatches } from '../http/single-writes.ts';
import { itemSchema } from './catalogue-responses.ts';
import { isExact, mergedInto, newItem, variationIdFor } from './item-merge.ts';
import type { RawObject } from './item-merge.ts';
import type { SentProduct } from './product-mapping.ts';
import { relatedIn, toProducts } from './products.ts';
import { REFERENCE_KEY, ReferenceAttribute } from './reference-attribute.ts';

/** "Each batch may contain up to 1,000 objects" (square 46.0.0, BatchUpsertCatalogObjectsRequest); an item is one with its variations. */
const MOST_ITEMS = 1_000;
const MOST_FOUND = 100;

const rawList = z
  .array(z.record(z.string(), z.unknown()))
  .nullish()
  .transform((value) => value ?? []);
const objectsAnswer = z.object({ objects: rawList });
const upsertAnswer = z.object({
  objects: rawList,
  id_mappings: z
    .array(z.object({ client_object_id: z.string(), object_id: z.string() }))
    .nullish()
    .transform((value) => value ?? []),
});
const foundAnswer = z.object({ items: rawList, cursor: z.string().nullish() });

/** Products of items, by the id of their variation; an error for one that cannot be read. */
type Readings = Map<string, ProviderRecord | ProviderError>;

export function createProductWriter(ask: Ask): ResourceWriter {
  const catalogue = new CatalogueWriter(ask);
  return {
    // Square takes one update of a seller's catalogue at a time and answers others with 429 (square 46.0.0,
    // catalog/client/Client.d.ts, batchUpsert).
    exclusive: 'catalogue',
    ...writerOfBatches({
      size: MOST_ITEMS,
      create: (creations, options) => catalogue.create(creations, options),
      update: (updates, options) => catalogue.update(updates, options),
    }),
    archive: (externalId) => catalogue.archive(externalId),
    findRemote: (hint) => catalogue.find(hint),
  };
}

class CatalogueWriter {
  readonly #ask: Ask;
  readonly #reference: ReferenceAttribute;

  constructor(ask: Ask) {
    this.#ask = ask;
    this.#reference = new ReferenceAttribute(ask);
  }

  async create(creations: readonly BatchedCreation[], options: WriteOptions): Promise<readonly BatchOutcome[]> {
    await this.#reference.define();
    const payloads = creations.map(({ mapped }) => mapped.payload as unknown as SentProduct);
    const { objects, id_mappings: mappings } = await this.#upsert(payloads.map(newItem), options.idempotencyKey);
    const ids = new Map(mappings.map((one) => [one.client_object_id, one.object_id]));
    const written = readingsOf(objects);
    return payloads.map(
      ({ recordId }) => written.get(ids.get(variationIdFor(recordId)) ?? '') ?? unreadableObject('objects: is missing'),
    );
  }

  /**
   * Reads the items whole, changes what differs, and writes them whole with the versions that were read: variations,
   * images, categories and fields that are not known here stay. An item without a difference is not written.
   */
  async update(updates: readonly BatchedUpdate[], options: WriteOptions): Promise<readonly BatchOutcome[]> {
    const items = new Map((await this.#itemsOf(updates)).map((item) => [idIn(item) ?? '', item]));
    const present = readingsOf([...items.values()]);
    const itemOf = itemsByVariation(items);
    const merging = new Map(items);
    const refused = new Map<string, ProviderError>();
    for (const one of updates) {
      const { externalId, mapped } = one;
      const itemId = itemOf.get(externalId) ?? '';
      const item = merging.get(itemId);
      const reading = readingsOf(item ? [item] : []).get(externalId);
      if (!item || !reading || reading instanceof ProviderError) continue;
      try {
        // As it was read: another product of this batch may have been merged into the item since.
        requireMerged(one, present.get(externalId));
        merging.set(itemId, mergedInto(item, { present: reading, sent: mapped.payload as unknown as SentProduct }));
      } catch (error) {
        if (!(error instanceof ProviderError)) throw error;
        refused.set(externalId, error);
      }
    }
    const changed = [...merging].flatMap(([itemId, item]) => (item === items.get(itemId) ? [] : [item]));
    const answer = changed.length === 0 ? [] : (await this.#upsert(changed, options.idempotencyKey)).objects;
    const written = readingsOf(answer);
    return updates.map(
      (one) =>
        refused.get(one.externalId) ??
        written.get(one.externalId) ??
        present.get(one.externalId) ??
        notAmong(items, one.externalState?.['itemId']),
    );
  }

  /** A product that is the only one of its item is archived with it; one of several variations is deleted, and the others stay. */
  async archive(externalId: string): Promise<'archived' | 'deleted'> {
    const [item] = await this.#itemsOf([{ externalId, externalState: null }]);
    if (!item) return 'deleted';
    if (readingsOf([item]).size > 1) {
      const path = `/v2/catalog/object/${encodeURIComponent(externalId)}`;
      await nullWhenMissing(this.#ask(z.object({}), { method: 'DELETE', path }));
      return 'deleted';
    }
    const data = item['item_data'] as RawObject;
    if (data['is_archived'] !== true)
      await this.#upsert([{ ...item, item_data: { ...data, is_archived: true } }], randomUUID());
    return 'archived';
  }

  async find(hint: RemoteHint): Promise<RemoteSearch> {
    const { recordId, excluded = [], after } = hint;
    // Without its definition nothing can carry the attribute.
    if (!(await this.#reference.isDefined())) return { found: null, after: null };
    const body = {
      archived_state: 'ARCHIVED_STATE_ALL',
      custom_attribute_filters: [{ key: REFERENCE_KEY, string_filter: recordId }],
      limit: MOST_FOUND,
      ...(typeof after === 'string' && { cursor: after }),
    };
    const page = await this.#ask(foundAnswer, { method: 'POST', path: '/v2/catalog/search-catalog-items', body });
    const records = [...readingsOf(page.items).values()].flatMap((one) => (one instanceof ProviderError ? [] : [one]));
    const found = records.find((one) => one.recordId === recordId && !excluded.includes(one.externalId)) ?? null;
    return whenSettled(hint, { found, after: found === null ? page.cursor || null : null });
  }

  /** The whole items of these variations; items of which the variation is gone, or that are gone themselves, are left out. */
  async #itemsOf(
    variations: readonly Pick<BatchedUpdate, 'externalId' | 'externalState'>[],
  ): Promise<readonly RawObject[]> {
    const unknown = variations.flatMap(({ externalId, externalState }) =>
      typeof externalState?.['itemId'] === 'string' ? [] : [externalId],
    );
    const looked = (await this.#retrieve(unknown)).flatMap(
      (one) => textAt(one, 'item_variation_data', 'item_id') ?? [],
    );
    const known = variations.flatMap(({ externalState }) => {
      const itemId = externalState?.['itemId'];
      return typeof itemId === 'string' ? [itemId] : [];
    });
    return this.#retrieve([...new Set([...known, ...looked])]);
  }

  async #retrieve(ids: readonly string[]): Promise<readonly RawObject[]> {
    if (ids.length === 0) return [];
    const body = { object_ids: ids };
    return (await this.#ask(objectsAnswer, { method: 'POST', path: '/v2/catalog/batch-retrieve', body })).objects;
  }

  #upsert(objects: readonly RawObject[], idempotencyKey: string) {
    const body = { idempotency_key: idempotencyKey, batches: [{ objects }] };
    return this.#ask(upsertAnswer, { method: 'POST', path: '/v2/catalog/batch-upsert', body });
  }
}

const NO_RELATED = relatedIn([]);

/** Every product of whole items. Images and categories are not read along: neither is written. */
const readingsOf = (items: readonly RawObject[]): Readings => new Map(items.flatMap(readingsIn));

function readingsIn(raw: RawObject): readonly (readonly [string, ProviderRecord | ProviderError])[] {
  const { data: item } = itemSchema.safeParse(raw);
  if (!item || !isExact(raw)) return variationIdsIn(raw).map((id) => [id, unreadableObject(UNREADABLE_ITEM)]);
  const { items, unreadable } = toProducts(item, NO_RELATED);
  return [
    ...items.map((record) => [record.externalId, record] as const),
    ...unreadable.flatMap(({ externalId, issues }) =>
      externalId === null ? [] : [[externalId, unreadableObject(issues)] as const],
    ),
  ];
}

/** Throws where the product is newer than the version that was merged. */
function requireMerged(update: BatchedUpdate, reading: ProviderRecord | ProviderError | undefined): void {
  if (reading === undefined || reading instanceof ProviderError) return;
  const refusal = remoteChanged('square', update, reading.version);
  if (refusal) throw refusal;
}

const UNREADABLE_ITEM = 'item_data: cannot be read exactly';

function variationIdsIn(item: RawObject): readonly string[] {
  const variations = (item['item_data'] as RawObject | undefined)?.['variations'];
  return Array.isArray(variations) ? variations.flatMap((one) => idIn(one) ?? []) : [];
}

const itemsByVariation = (items: ReadonlyMap<string, RawObject>): ReadonlyMap<string, string> =>
  new Map([...items].flatMap(([itemId, item]) => variationIdsIn(item).map((id) => [id, itemId] as const)));

/** For a variation that its item does not have: it is gone, unless what has the item's id is of a type that is not known here. */
function notAmong(items: ReadonlyMap<string, RawObject>, itemId: unknown): ProviderError {
  const found = items.get(String(itemId));
  if (found && found['type'] !== 'ITEM') return unreadableObject('type: expected "ITEM"');
  return new ProviderError({ provider: 'square', kind: 'rejected', httpStatus: 404, code: 'NOT_FOUND' });
}
