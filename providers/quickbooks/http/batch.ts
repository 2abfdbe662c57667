import { z } from 'zod';
import { accountRefusalOf, kindOfFault } from '../../http/error-table.ts';
import { ProviderError } from '../../provider-error.ts';
import type { BatchOutcome, BatchWriter, ResourceWriter, WrittenRecord } from '../../provider.ts';
import { QUICKBOOKS_ERRORS } from '../errors.ts';
import { faultIn } from '../faults.ts';
import type { Ask } from './ask.ts';
import { missingObject, OBJECT_NOT_FOUND, unreadableObject } from './ask.ts';

/** https://developer.intuit.com/app/developer/qbo/docs/learn/explore-the-quickbooks-online-api/batch, read 2026-11-28. */
export const MOST_ITEMS = 30;

export interface BatchItem {
  readonly operation: 'create' | 'update';
  readonly body: Readonly<Record<string, unknown>>;
}

const batchAnswer = z.object({ BatchItemResponse: z.array(z.looseObject({ bId: z.string() })) });

/**
 * Writes objects of one entity by one call, and answers what became of each, in their order. A `requestid` is remembered with its answer,
 * so it is made of the key and of what tells one attempt from another.
 */
export async function writeBatch<Item>(
  ask: Ask,
  { entity, schema }: { readonly entity: string; readonly schema: z.ZodType<Item> },
  { items, requestId }: { readonly items: readonly BatchItem[]; readonly requestId: string },
): Promise<readonly (Item | ProviderError)[]> {
  const body = {
    BatchItemRequest: items.map(({ operation, body: object }, index) => ({
      ...{ bId: String(index), operation, [entity]: object },
    })),
  };
  const answer = await ask(batchAnswer, { method: 'POST', path: 'batch', query: { requestid: requestId }, body });
  const answers = new Map(answer.BatchItemResponse.map((response) => [response.bId, response]));
  return items.map((_, index) => outcomeOf(answers.get(String(index)), { entity, schema }));
}

function outcomeOf<Item>(
  response: Readonly<Record<string, unknown>> | undefined,
  { entity, schema }: { readonly entity: string; readonly schema: z.ZodType<Item> },
): Item | ProviderError {
  const fault = faultOfItem(response);
  if (fault) return fault;
  const { data } = schema.safeParse(response?.[entity]);
  return data ?? unreadableObject(`${entity}: expected an object of QuickBooks`);
}

/** What went wrong with one item of a batch, which has no status of its own; null where nothing did. */
function faultOfItem(response: Readonly<Record<string, unknown>> | undefined): ProviderError | null {
  const fault = faultIn(response ?? null);
  if (!fault) return null;
  const { code, type, element: field } = fault;
  if (code === OBJECT_NOT_FOUND) return missingObject();
  const words = [code, type].filter((word) => word !== undefined);
  const kind = kindOfFault(QUICKBOOKS_ERRORS, words, 400);
  const details = { provider: 'quickbooks', httpStatus: 400, code, field } as const;
  // The batch was answered, so that its requestid brings the same fault again: what became of the item is looked up.
  return kind === 'unavailable' || kind === 'rate-limited'
    ? new ProviderError({ ...details, kind: 'unavailable', replayed: true })
    : new ProviderError({ ...details, kind, ...accountRefusalOf(QUICKBOOKS_ERRORS, words) });
}

export interface WriterOfBatches extends Pick<ResourceWriter, 'create' | 'update'> {
  readonly batch: BatchWriter;
}

/** Single writes as batches of one, so that a record is written in one way whether it goes alone or among others. */
export const writerOfBatches = (batch: BatchWriter): WriterOfBatches => ({
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
