import { z } from 'zod';
import { readItems, textAt } from '../../items.ts';
import type { Ask } from '../http/ask.ts';
import type { Audience } from '../http/audience.ts';
import { MEMBER_FIELDS, memberSchema } from './customer-responses.ts';
import type { Member } from './customer-responses.ts';

/** https://mailchimp.com/developer/marketing/docs/methods-parameters/#pagination, read 2026-11-29. */
export const PAGE_SIZE = 1_000;

/** Parameters of a list of members. Times are of whole seconds, and "after" leaves out the second itself. */
export const listParameters = (
  skipped: number,
  changedSinceEpochS: number | null,
): Readonly<Record<string, string>> => ({
  fields: MEMBER_FIELDS.map((name) => `members.${name}`).join(','),
  count: String(PAGE_SIZE),
  offset: String(skipped),
  ...(changedSinceEpochS !== null && { since_last_changed: timeOf(changedSinceEpochS - 1) }),
});

/** As Mailchimp's examples write a time. */
const timeOf = (epochS: number): string => `${new Date(epochS * 1_000).toISOString().slice(0, 19)}+00:00`;

/** A list of more pages tells too little about one batch to be worth its calls. */
const MOST_PAGES = 5;

const pageSchema = z.object({ members: z.array(z.unknown()) });

/** The members with these hashes that have changed since: no list takes addresses. */
export async function membersChangedSince(
  { ask, audience }: { readonly ask: Ask; readonly audience: Audience },
  sinceEpochS: number,
  hashes: ReadonlySet<string>,
): Promise<ReadonlyMap<string, Member>> {
  const path = await audience.path('members');
  const found = new Map<string, Member>();
  for (let page = 0; page < MOST_PAGES && found.size < hashes.size; page += 1) {
    const query = listParameters(page * PAGE_SIZE, sinceEpochS);
    const { members: raw } = await ask(pageSchema, { method: 'GET', path, query });
    const { items } = readItems(memberSchema, raw, (one) => textAt(one, 'contact_id'));
    for (const member of items) if (hashes.has(member.id)) found.set(member.id, member);
    if (raw.length < PAGE_SIZE) break;
  }
  return found;
}
