import { z } from 'zod';
import { ProviderError } from '../../provider-error.ts';
import type { BatchOutcome, ResourceWriter } from '../../provider.ts';
import type { Ask } from '../http/ask.ts';
import type { Audience } from '../http/audience.ts';
import { nullWhenMissing } from '../http/ask.ts';
import { duplicateAddress, MemberCreation } from './member-creation.ts';
import { MemberUpdate } from './member-update.ts';
import { MemberCalls } from './member-calls.ts';
import { hashOf, toRecord } from './customer-fields.ts';

/** "Up to 500 members" (https://mailchimp.com/developer/marketing/api/lists/batch-subscribe-or-unsubscribe/, read 2026-11-29). */
const MOST_MEMBERS = 500;

/** Writes members of an audience by batches; what a batch cannot do to a member is a call of its own. */
export function createCustomerWriter(ask: Ask, audience: Audience): ResourceWriter {
  const calls = new MemberCalls(ask, audience);
  const creation = new MemberCreation(calls);
  const update = new MemberUpdate(calls);
  /** Which record a member was found for in this session: what is not committed yet no store can tell. */
  const foundFor = new Map<string, string>();
  return {
    create: async (mapped, { idempotencyKey }) => settled(await creation.one({ mapped, idempotencyKey })),
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
    async findRemote({ fields, recordId, excluded = [] }) {
      const email = z.string().min(1).safeParse(fields['email']).data;
      if (email === undefined) return { found: null, after: null };
      const askedAtMs = Date.now();
      const member = await calls.find(hashOf(email.trim()));
      if (member === null) return { found: null, after: null };
      const { contact_id: id } = member;
      const isOthers = creation.hasMade(id) || (foundFor.get(id) ?? recordId) !== recordId;
      if (excluded.includes(id) || isOthers) throw duplicateAddress();
      foundFor.set(id, recordId);
      return { found: toRecord(member, askedAtMs), after: null };
    },
  };
}

function settled(outcome: BatchOutcome) {
  if (outcome instanceof ProviderError) throw outcome;
  return outcome;
}
