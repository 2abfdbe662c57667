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
/** A page that has none of them costs what a few look-ups cost, which take a call or two each. */
const MEMBERS_A_PAGE = 10;

const pageSchema = z.object({ members: z.array(z.unknown()) });

interface Listing {
  readonly ask: Ask;
  readonly audience: Audience;
}

/** The members with these hashes that have changed since: no list takes addresses. */
export async function membersChangedSince(
  listing: Listing,
  sinceEpochS: number,
  hashes: ReadonlySet<string>,
): Promise<ReadonlyMap<string, Member>> {
  const found = new Map<string, Member>();
  for (let page = 0; page < MOST_PAGES && found.size < hashes.size; page += 1) {
    const { members, isLast } = await readPage(listing, page * PAGE_SIZE, sinceEpochS);
    for (const member of members) if (hashes.has(member.id)) found.set(member.id, member);
    if (isLast) break;
  }
  return found;
}

async function readPage({ ask, audience }: Listing, skipped: number, sinceEpochS: number | null) {
  const query = listParameters(skipped, sinceEpochS);
  const { members: raw } = await ask(pageSchema, { method: 'GET', path: await audience.path('members'), query });
  const { items } = readItems(memberSchema, raw, (one) => textAt(one, 'contact_id'));
  return { members: items, isLast: raw.length < PAGE_SIZE };
}

/**
 * Looks for members by their hashes in the pages of the whole audience, which are in the order in which members joined.
 * Records were often made in the same order, so each search begins where the one before has found its last.
 */
export class AudienceSearch {
  readonly #listing: Listing;
  readonly #earlierAnswered: () => Promise<void>;
  #skipped = 0;
  /** The search that has not begun, and what it will look for. */
  #next: { readonly hashes: Set<string>; readonly found: Promise<ReadonlyMap<string, FoundMember>> } | null = null;
  #last: Promise<unknown> = Promise.resolve();

  /**
   * `earlierAnswered` resolves when the batches that are under way now have told which of their members are there: a
   * later batch that is answered first would otherwise be looked for alone, in pages that the others need as well.
   */
  constructor(listing: Listing, earlierAnswered: () => Promise<void>) {
    this.#listing = listing;
    this.#earlierAnswered = earlierAnswered;
  }

  /**
   * Those that were found in a number of pages that costs less than to look each up. One search is at work at a time, and
   * those that wait for it share the next one, so that no two read the same pages.
   */
  find(hashes: ReadonlySet<string>): Promise<ReadonlyMap<string, FoundMember>> {
    const next = (this.#next ??= this.#begun());
    for (const hash of hashes) next.hashes.add(hash);
    return next.found;
  }

  #begun() {
    const hashes = new Set<string>();
    const found = this.#last.then(async () => {
      await this.#earlierAnswered();
      this.#next = null;
      return this.#find(hashes);
    });
    this.#last = found.catch(() => undefined);
    return { hashes, found };
  }

  async #find(hashes: ReadonlySet<string>): Promise<ReadonlyMap<string, FoundMember>> {
    const found = new Map<string, FoundMember>();
    for await (const { members, skipped, askedAtMs } of this.#pages(Math.floor(hashes.size / MEMBERS_A_PAGE))) {
      const there = members.filter(({ id }) => hashes.has(id));
      for (const member of there) found.set(member.id, { member, askedAtMs });
      if (there.length > 0) this.#skipped = skipped;
      if (found.size === hashes.size) break;
    }
    return found;
  }

  /** This many pages from where the last search has ended, then those before it from the nearest on, and none twice. */
  async *#pages(most: number) {
    const begin = this.#skipped;
    let skipped = begin;
    let isBeforeBegin = false;
    for (let pages = 0; pages < most && skipped >= 0; pages += 1) {
      const askedAtMs = Date.now();
      const { members, isLast } = await readPage(this.#listing, skipped, null);
      yield { members, skipped, askedAtMs };
      if (!isBeforeBegin && !isLast) skipped += PAGE_SIZE;
      else {
        skipped = (isBeforeBegin ? skipped : begin) - PAGE_SIZE;
        isBeforeBegin = true;
      }
    }
  }
}

interface FoundMember {
  readonly member: Member;
  readonly askedAtMs: number;
}
