import { z } from 'zod';
import { changeFeed, offset } from '../../../domain/sync/pull/pull-plan.ts';
import { readItems, textAt, unreadableRejection } from '../../items.ts';
import type { ListQuery, PagePosition, ProviderPage, PullPlan, ResourceSession } from '../../provider.ts';
import { audienceGone, isMissing, nullWhenMissing } from '../http/ask.ts';
import type { Ask } from '../http/ask.ts';
import type { Audience } from '../http/audience.ts';
import { toRecord } from './customer-fields.ts';
import { memberSchema } from './customer-responses.ts';
import { createCustomerWriter } from './customer-writer.ts';
import { listParameters, PAGE_SIZE } from './member-search.ts';

/**
 * Mailchimp documents no delay of its lists. Reading some members again costs nothing but a longer page.
 */
const CHANGES = { reachS: null, overlapS: 600, handOffOverlapS: 600 } as const;

/**
 * Both lists are in the order in which members joined, which no change moves; who is archived or deleted moves the
 * rest, so each page repeats a member. What changed is listed without archived and deleted members: only a full pass
 * finds those.
 */
export const customerPullPlan: PullPlan = {
  listing: [[offset('members', { overlap: 1 })]],
  changes: changeFeed([[offset('changed-members', { overlap: 1 })]], CHANGES),
  mayVanish: true,
  dates: ['changes'],
};

const pageSchema = z.object({ members: z.array(z.unknown()) });
const countSchema = z.object({ total_items: z.int().min(0).nullish() });

export function createCustomerSession(ask: Ask, audience: Audience): ResourceSession {
  return {
    async listPage(query) {
      const askedAtMs = Date.now();
      const { members: raw } = await ofAudience(
        ask(pageSchema, { method: 'GET', path: await audience.path('members'), query: parametersOf(query) }),
      );
      return toPage(raw, { query, askedAtMs });
    },

    async count() {
      const query = { fields: 'total_items', count: '1' };
      const path = await audience.path('members');
      return (await ask(countSchema, { method: 'GET', path, query })).total_items ?? null;
    },

    versionOf: (askedAtMs) => askedAtMs,

    async retrieve(externalId) {
      // Anything else would be another path of the API.
      if (!/^[\w-]{1,64}$/.test(externalId)) return null;
      const askedAtMs = Date.now();
      const path = await audience.path('members', externalId);
      const found = await nullWhenMissing(ask(memberSchema, { method: 'GET', path, isOneObject: true }));
      const record = found && toRecord(found, askedAtMs);
      return record?.deleted === false ? record : null;
    },

    writer: createCustomerWriter(ask, audience),
  };
}

/** An audience that was deleted has no members to archive: it is an error. */
async function ofAudience<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw isMissing(error) ? audienceGone() : error;
  }
}

const parametersOf = ({ stream, fromEpochS, after }: ListQuery): Readonly<Record<string, string>> =>
  listParameters(skipped(after), stream === 'changed-members' ? fromEpochS : null);

const skipped = (after: ListQuery['after']): number => (typeof after === 'number' ? after : 0);

function toPage(
  raw: readonly unknown[],
  { query: { after }, askedAtMs }: { readonly query: ListQuery; readonly askedAtMs: number },
): ProviderPage {
  const { items, unreadable, ...told } = readItems(memberSchema, raw, idOf);
  return {
    ...told,
    records: items.map((member) => toRecord(member, askedAtMs)),
    rejections: unreadable.map(unreadableRejection),
    after: raw.length < PAGE_SIZE ? null : skipped(after) + raw.length,
    pageSize: PAGE_SIZE,
    positions: raw.flatMap(positionOf),
  };
}

const idOf = (raw: unknown): string | null => textAt(raw, 'contact_id');

function positionOf(raw: unknown): readonly PagePosition[] {
  const id = idOf(raw);
  return id === null ? [] : [{ id, atEpochS: null }];
}
