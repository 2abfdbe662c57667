import { z } from 'zod';
import { kindOfFault } from '../../http/error-table.ts';
import { issuesOf } from '../../items.ts';
import { ProviderError } from '../../provider-error.ts';
import { wordOf, XERO_ERRORS } from '../errors.ts';
import { unreadableObject } from './ask.ts';
import type { Ask } from './ask.ts';
import type { Collection } from './lists.ts';

type Body = Readonly<Record<string, unknown>>;

/** https://developer.xero.com/documentation/api/accounting/overview, read 2026-11-29: "we recommend up to 50 elements". */
export const MOST_ELEMENTS = 50;

const outcomeSchema = z.object({
  StatusAttributeString: z.string().optional(),
  HasErrors: z.boolean().optional(),
  ValidationErrors: z.array(z.object({ Message: z.string() })).nullish(),
});

export interface WrittenElements {
  /** `PUT` creates and never updates; `POST` updates by the id that each element has. */
  readonly method: 'PUT' | 'POST';
  readonly elements: readonly Body[];
  readonly idempotencyKey: string;
}

/**
 * Writes up to 50 objects of one collection by one call, and answers what became of each, in their order: with
 * `summarizeErrors=false` Xero takes the good ones and names what is wrong with the others.
 */
export async function writeElements<Item>(
  ask: Ask,
  { name, schema, query = {} }: Pick<Collection<Item>, 'name' | 'schema' | 'query'>,
  { method, elements, idempotencyKey }: WrittenElements,
): Promise<readonly (Item | ProviderError)[]> {
  const answered = z.object({ [name]: z.array(z.unknown()).length(elements.length) });
  const answer = await ask(answered, {
    ...{ method, path: name, query: { ...query, summarizeErrors: 'false' } },
    ...{ body: { [name]: elements }, idempotencyKey },
  });
  return (answer[name] ?? []).map((one) => outcomeOf(one, schema));
}

function outcomeOf<Item>(raw: unknown, schema: z.ZodType<Item>): Item | ProviderError {
  const refused = refusalIn(raw);
  if (refused) return refused;
  const { data, error } = schema.safeParse(raw);
  return error ? unreadableObject(issuesOf(error)) : data;
}

/** What is wrong with one element, which has no status of its own; null where nothing is. Its sentences stay here. */
function refusalIn(raw: unknown): ProviderError | null {
  const { data } = outcomeSchema.safeParse(raw);
  const [first] = data?.ValidationErrors ?? [];
  if (data?.StatusAttributeString !== 'ERROR' && data?.HasErrors !== true && !first) return null;
  const code = first ? wordOf(first.Message) : 'validation';
  return new ProviderError({ provider: 'xero', kind: kindOfFault(XERO_ERRORS, [code], 400), httpStatus: 400, code });
}
