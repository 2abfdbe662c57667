import { ProviderError } from '../../provider-error.ts';
import type { BatchOutcome, BatchWriter, ResourceWriter, WrittenRecord } from '../../provider.ts';

/** Single writes as batches of one, so that a record is written in one way whether it goes alone or among others. */
export const writerOfBatches = (batch: BatchWriter): Pick<ResourceWriter, 'create' | 'update' | 'batch'> => ({
  create: async (mapped, options) => only(await batch.create([{ mapped, ...options }], options)),
  update: async (externalId, mapped, options) =>
    only(await batch.update([{ externalId, mapped, ...options }], options)),
  batch,
});

function only([outcome]: readonly BatchOutcome[]): WrittenRecord {
  if (outcome === undefined) throw new Error('a batch of one has one outcome');
  if (outcome instanceof ProviderError) throw outcome;
  return outcome;
}
