import { ProviderError } from '../../provider-error.ts';
import type { BatchedUpdate, BatchOutcome, BatchWriter, ResourceWriter } from '../../provider.ts';
import type { ProductFields } from '../../../records/products.ts';
import { writerOfBatches } from '../http/batch.ts';
import type { ProductPayload } from './product-mapping.ts';

/**
 * Writes changes of items that are out of use and stay so. QuickBooks changes nothing of such an item, so the first
 * update has put it to use, and a second one takes it out of use again.
 */
export function withItemsOutOfUse(writer: ResourceWriter): ResourceWriter {
  const { batch } = writer;
  if (!batch) throw new Error('items are written in batches');
  return { ...writer, ...writerOfBatches({ ...batch, update: updateOf(batch) }) };
}

const updateOf =
  (batch: BatchWriter): BatchWriter['update'] =>
  async (updates, options) => {
    const outcomes = await batch.update(updates, options);
    const woken = updates.flatMap((update, index) => wokenBy(update, outcomes[index]));
    if (woken.length === 0) return outcomes;
    const ended = await batch.update(woken, options);
    const endedById = new Map(woken.map(({ externalId }, index) => [externalId, ended[index]]));
    return outcomes.map((outcome, index) => endedById.get(updates[index]?.externalId ?? '') ?? outcome);
  };

/** The same update again where it has put an item to use that is to be out of use. */
function wokenBy(update: BatchedUpdate, outcome: BatchOutcome | undefined): readonly BatchedUpdate[] {
  if (outcome === undefined || outcome instanceof ProviderError || outcome.fields === null) return [];
  const { active: isWanted } = update.mapped.payload as Partial<ProductPayload>;
  const { active: isInUse } = outcome.fields as ProductFields;
  if (isWanted !== false || !isInUse) return [];
  return [{ ...update, ...(update.expectedVersion !== undefined && { expectedVersion: outcome.version }) }];
}
