import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { InventoryFields } from '../../../records/inventory.ts';
import { ProviderError, refusesAccount } from '../../provider-error.ts';
import type { BatchOutcome, BatchedUpdate, ProviderRecord, ResourceWriter } from '../../provider.ts';
import { unreadableObject } from '../http/ask.ts';
import type { Ask } from '../http/ask.ts';
import { isChosen } from '../http/locations.ts';
import type { ChosenLocations } from '../http/locations.ts';
import { writerOfBatches } from '../http/single-writes.ts';
import { readCounts, toRecord } from './counts.ts';
import { canonicalDecimal } from './inventory-mapping.ts';
import type { CountPayload } from './inventory-mapping.ts';

/** Square's own plug-in for WooCommerce sends as many (woocommerce/woocommerce-square, BATCH_CHANGE_INVENTORY_LIMIT, read 2026-11-28). */
const MOST_CHANGES = 100;
/** "Cannot be older than 24 hours or in the future" (square 46.0.0, InventoryPhysicalCount). */
const OLDEST_MS = 24 * 3_600_000;
/** For clocks that differ and a call that is under way. */
const MARGIN_MS = 600_000;

const countsAnswer = z.object({
  counts: z
    .array(z.unknown())
    .nullish()
    .transform((value) => value ?? []),
});

export interface InventoryWriting {
  readonly chosen: ChosenLocations;
  /** The counts that Square has of these variations at these locations, by the id of their record. */
  readonly presentOf: (objects: readonly string[], locations: readonly string[]) => Promise<readonly ProviderRecord[]>;
}

/** Writes stock as physical counts. */
export function createInventoryWriter(ask: Ask, { chosen, presentOf }: InventoryWriting): ResourceWriter {
  const changed = async (counts: readonly CountPayload[], key: string) => {
    const changes = counts.map((count) => ({ type: 'PHYSICAL_COUNT', physical_count: bodyOf(count, Date.now()) }));
    // The content is part of the key: the time of an old count moves on, and a repeated count changes nothing.
    const content = createHash('sha256')
      .update(JSON.stringify([key, changes]))
      .digest('hex')
      .slice(0, 40);
    const body = { idempotency_key: `il-i-${content}`, changes, ignore_unchanged_counts: false };
    return readCounts((await ask(countsAnswer, { method: 'POST', path: CHANGES_PATH, body })).counts);
  };

  /** Alone, because Square refuses the count of a product that is gone, which has no stock either. */
  const leave = async (count: CountPayload, key: string): Promise<void> => {
    try {
      await changed([count], key);
    } catch (error) {
      if (!(error instanceof ProviderError) || error.details.kind !== 'rejected' || refusesAccount(error)) throw error;
    }
  };

  /**
   * Writes only counts that Square does not have: writing back what was read makes no change of stock. A zero that was
   * never counted is not there, so a counted zero is written.
   */
  const write = async (
    records: readonly Written[],
    { idempotencyKey }: { readonly idempotencyKey: string },
  ): Promise<readonly BatchOutcome[]> => {
    const wanted = records.map(({ mapped }) => mapped.payload as unknown as CountPayload);
    const allowed = wanted.filter(({ location }) => isChosen(chosen, location));
    const left = leftPlaces(records, wanted, chosen);
    const known = new Map<string, ProviderRecord>(records.flatMap(knownIn));
    const unknown = [...allowed, ...left].filter((count) => !known.has(placeOf(count)));
    const found =
      unknown.length === 0
        ? []
        : await presentOf(distinct(unknown.map(productOf)), distinct(unknown.map(({ location }) => location)));
    const present = new Map<string, ProviderRecord>([
      ...known,
      ...found.map((record) => [record.externalId, record] as const),
    ]);
    const isOpen = (count: CountPayload) => quantityIn(present.get(placeOf(count))) !== count.quantity;
    const open = allowed.filter(isOpen);
    const { counts, unreadable } = open.length === 0 ? NOTHING : await changed(open, idempotencyKey);
    for (const count of left) if (present.has(placeOf(count)) && isOpen(count)) await leave(count, idempotencyKey);
    const written = new Map(counts.map((count) => [toRecord(count).externalId, toRecord(count)]));
    const sent = new Set(open.map(placeOf));
    return wanted.map((count) => {
      if (!isChosen(chosen, count.location)) return NOT_CHOSEN;
      const place = placeOf(count);
      const record = sent.has(place) ? written.get(place) : present.get(place);
      if (record) return asRead(record, count);
      return unreadableObject(unreadable.find((one) => one.externalId === place)?.issues ?? 'counts: is missing');
    });
  };

  return {
    ...writerOfBatches({ size: MOST_CHANGES, create: write, update: write }),

    /** A place where a product is kept no longer has none of it: Square cannot delete a count. */
    async archive(externalId, { idempotencyKey }) {
      const nothing = nothingAt(externalId);
      const [present] = await presentOf([productOf(nothing)], [nothing.location]);
      if (!present) return 'deleted';
      if (quantityIn(present) !== '0') await changed([nothing], idempotencyKey);
      return 'archived';
    },

    // A count carries no id of ours. Its place says which it is, and a count may be repeated.
    findRemote: () => Promise.resolve({ found: null, after: null }),
  };
}

const CHANGES_PATH = '/v2/inventory/changes/batch-create';
const NOTHING: ReturnType<typeof readCounts> = { counts: [], unreadable: [] };
const NOT_CHOSEN = new ProviderError({
  provider: 'square',
  kind: 'rejected',
  code: 'location-not-chosen',
  field: 'location',
});

/** The count that the run has read. Its version is that of the reading, which the link has. */
function knownIn({
  externalId,
  readFields: fields,
}: Partial<Pick<BatchedUpdate, 'externalId' | 'readFields'>>): readonly (readonly [string, ProviderRecord])[] {
  if (externalId === undefined || fields === undefined) return [];
  return [[externalId, { externalId, version: 0, deleted: false, recordId: null, fields }]];
}

type Written = Pick<BatchedUpdate, 'mapped'> & Partial<Pick<BatchedUpdate, 'externalId' | 'readFields'>>;

/**
 * What records told of before that tell of other stock now: there is none of it any more, as where a record is deleted.
 * Otherwise stock that was moved would be in both places.
 */
function leftPlaces(
  records: readonly Written[],
  wanted: readonly CountPayload[],
  chosen: ChosenLocations,
): readonly CountPayload[] {
  const told = new Set(wanted.map(placeOf));
  return records.flatMap(({ externalId }, index) => {
    if (externalId === undefined || told.has(externalId)) return [];
    const nothing = nothingAt(externalId);
    const isMoved = isChosen(chosen, wanted[index]?.location ?? null) && isChosen(chosen, nothing.location);
    return isMoved ? [nothing] : [];
  });
}

function nothingAt(externalId: string): CountPayload {
  const [product = '', location = ''] = externalId.split(':');
  return { product, location, quantity: '0', countedAt: new Date().toISOString() };
}

const productOf = ({ product }: CountPayload): string => product ?? '';
const placeOf = (count: CountPayload): string => `${productOf(count)}:${count.location}`;
const quantityIn = (record: ProviderRecord | undefined): string | null =>
  record ? canonicalDecimal((record.fields as InventoryFields).quantity) : null;
const distinct = (values: readonly string[]): readonly string[] => [...new Set(values)];

/**
 * What was sold since the count was made is not in it, and Square applies both in the order in which they occurred. Such
 * a result is no other form of what was written but a change of Square's: what is told here is the count that was
 * written, and older than the result, so that the next pull takes the result.
 */
const asRead = (record: ProviderRecord, { quantity }: CountPayload): ProviderRecord =>
  quantityIn(record) === quantity
    ? record
    : { ...record, version: record.version - 1, fields: { ...record.fields, quantity } };

/** Square takes no older count: one that is older counts from the earliest time that it takes, before whatever was sold since. */
function bodyOf({ product, location, quantity, countedAt }: CountPayload, nowMs: number) {
  const atMs = Math.min(nowMs, Math.max(Date.parse(countedAt), nowMs - OLDEST_MS + MARGIN_MS));
  const place = { catalog_object_id: product, location_id: location };
  return { ...place, state: 'IN_STOCK', quantity, occurred_at: new Date(atMs).toISOString() };
}
