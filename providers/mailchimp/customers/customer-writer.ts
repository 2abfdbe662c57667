import { z } from 'zod';
import { ProviderError } from '../../provider-error.ts';
import type { BatchOutcome, ProviderRecord, ResourceWriter } from '../../provider.ts';
import type { RecordFields } from '../../../records/record-kind.ts';
import type { Ask } from '../http/ask.ts';
import type { Audience } from '../http/audience.ts';
import { nullWhenMissing } from '../http/ask.ts';
import { duplicateAddress, MemberCreation } from './member-creation.ts';
import { MemberUpdate } from './member-update.ts';
import { MemberCalls } from './member-calls.ts';
import { hashOf, toRecord } from './customer-fields.ts';
import { AudienceSearch, membersChangedSince } from './member-search.ts';
import type { Member } from './customer-responses.ts';

/** "Up to 500 members" (https://mailchimp.com/developer/marketing/api/lists/batch-subscribe-or-unsubscribe/, read 2026-11-29). */
const MOST_MEMBERS = 500;

/** Writes members of an audience by batches; what a batch cannot do to a member is a call of its own. */
export function createCustomerWriter(ask: Ask, audience: Audience): ResourceWriter {
  const calls = new MemberCalls(ask, audience);
  const listing = { ask, audience };
  const creation = new MemberCreation(calls);
  const search = new AudienceSearch(listing, () => creation.answered());
  const update = new MemberUpdate(calls);
  /** Which record a member was found for in this session: what is not committed yet no store can tell. */
  const foundFor = new Map<string, string>();
  const isOthers = (contactId: string, recordId: string): boolean =>
    creation.hasMade(contactId) || (foundFor.get(contactId) ?? recordId) !== recordId;
  /** Unless a write of the record may have made it, the member is as its own people have made it. */
  const found = (member: Member, { askedAtMs, createdSinceEpochS }: Search): ProviderRecord => {
    const isOlder = Date.parse(member.last_changed ?? '') < createdSinceEpochS * 1_000;
    const wasThere = isOlder || creation.hasMet(member.id);
    return { ...toRecord(member, askedAtMs), ...(wasThere && { wasThere }) };
  };
  return {
    prepare: () => audience.id(),
    create: async (mapped, options) => settled(await creation.one({ mapped, ...options })),
    update: async (externalId, mapped, options) => update.one({ externalId, mapped, ...options }),
    batch: {
      size: MOST_MEMBERS,
      create: (records) => creation.many(records),
      update: (records) => update.many(records),
    },

    // Deleting archives: the member's history stays, and its address may join again.
    async archive(externalId) {
      const path = await audience.path('members', externalId);
      await nullWhenMissing(ask.done({ method: 'DELETE', path }));
      return 'deleted';
    },

    // The address is the only name that a record and a member share.
    async findRemote({ fields, recordId, createdSinceEpochS, excluded = [] }) {
      const hash = hashIn(fields);
      if (hash === null) return { found: null, after: null };
      const askedAtMs = Date.now();
      const member = await calls.find(hash);
      if (member === null) return { found: null, after: null };
      const { contact_id: id } = member;
      if (excluded.includes(id) || isOthers(id, recordId)) throw duplicateAddress();
      foundFor.set(id, recordId);
      return { found: found(member, { askedAtMs, createdSinceEpochS }), after: null };
    },

    /** What a batch has left has changed since; a member that was there before is in the pages of the audience. */
    findMany: {
      size: MOST_MEMBERS,
      async find(hints) {
        const wanted = hints.flatMap((hint) => {
          const hash = hashIn(hint.fields);
          return hash === null ? [] : [{ ...hint, hash }];
        });
        const remotes = new Map<string, ProviderRecord | null>();
        const take = (hint: (typeof wanted)[number], member: Member | null, askedAtMs: number): void => {
          const { recordId, createdSinceEpochS } = hint;
          if (member !== null && isOthers(member.contact_id, recordId)) return;
          if (member !== null) foundFor.set(member.contact_id, recordId);
          remotes.set(recordId, member && found(member, { askedAtMs, createdSinceEpochS }));
        };
        const met = wanted.filter(({ hash }) => creation.hasMet(hash));
        const there = await search.find(new Set(met.map(({ hash }) => hash)));
        for (const hint of met) {
          const known = there.get(hint.hash);
          if (known) take(hint, known.member, known.askedAtMs);
        }
        const lost = wanted.filter(({ hash }) => !creation.hasMet(hash));
        if (lost.length === 0) return remotes;
        const askedAtMs = Date.now();
        const sinceEpochS = Math.min(...lost.map(({ createdSinceEpochS }) => createdSinceEpochS));
        const changed = await membersChangedSince(listing, sinceEpochS, new Set(lost.map(({ hash }) => hash)));
        for (const hint of lost) take(hint, changed.get(hint.hash) ?? null, askedAtMs);
        return remotes;
      },
    },
  };
}

interface Search {
  readonly askedAtMs: number;
  readonly createdSinceEpochS: number;
}

/** The hash of a record's address; null for a record without one. */
function hashIn({ email }: RecordFields): string | null {
  const { data } = z.string().min(1).safeParse(email);
  return data === undefined ? null : hashOf(data.trim());
}

function settled(outcome: BatchOutcome) {
  if (outcome instanceof ProviderError) throw outcome;
  return outcome;
}
