import { setImmediate as nextTurn } from 'node:timers/promises';
import { fingerprintOf } from '../../../domain/sync/fingerprint.ts';
import { ProviderError } from '../../provider-error.ts';
import type { BatchedCreation, BatchOutcome, MappedRecord, WrittenRecord } from '../../provider.ts';
import { audienceGone, isMissing } from '../http/ask.ts';
import { MEMBER_EXISTS } from './batch-outcomes.ts';
import type { BatchOutcomes } from './batch-outcomes.ts';
import { consentKept, newStatusOf } from './consent.ts';
import { hashOf, toFields, toRecord } from './customer-fields.ts';
import { ADDRESS_INCOMPLETE, contentOf } from './customer-mapping.ts';
import type { SentMember } from './customer-mapping.ts';
import type { Member } from './customer-responses.ts';
import type { MemberCalls } from './member-calls.ts';
import { mergeValuesOf } from './merge-values.ts';

/** For a record whose address another record's member has. */
export const duplicateAddress = (): ProviderError =>
  new ProviderError({ provider: 'mailchimp', kind: 'rejected', code: 'duplicate-address', field: 'email' });

const addressMissing = (): ProviderError =>
  new ProviderError({ provider: 'mailchimp', kind: 'rejected', code: 'address-missing', field: 'email' });

/** Adds members to an audience. Mailchimp takes no idempotency keys: an address that is there already is a conflict. */
export class MemberCreation {
  readonly #calls: MemberCalls;
  /** The keys of the records whose addresses were added in this session, by the hash of the address. */
  readonly #keys = new Map<string, string>();
  readonly #made = new Set<string>();
  /** The hashes of addresses that were there when they were to be added. */
  readonly #met = new Set<string>();
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(calls: MemberCalls) {
    this.#calls = calls;
  }

  /** Whether this session has added the member. */
  hasMade(contactId: string): boolean {
    return this.#made.has(contactId);
  }

  /** Whether a member of the address was there when this session was to add it. */
  hasMet(hash: string): boolean {
    return this.#met.has(hash);
  }

  /** Resolves when the batches that are under way now are answered, and whoever waited for them has gone on. */
  async answered(): Promise<void> {
    await Promise.allSettled(this.#underWay);
    await nextTurn();
  }

  /** A member that is there already and is as wanted is the outcome of an earlier attempt. */
  async one(record: BatchedCreation): Promise<BatchOutcome> {
    const [outcome = addressMissing()] = await this.many([record]);
    if (!(outcome instanceof ProviderError) || outcome.details.code !== MEMBER_EXISTS) return outcome;
    const askedAtMs = Date.now();
    const member = await this.#calls.find(hashOf(emailOf(record) ?? ''));
    return member && isAsWanted(member, record.mapped) ? written(member, record.mapped, askedAtMs) : outcome;
  }

  async many(records: readonly BatchedCreation[]): Promise<readonly BatchOutcome[]> {
    const outcomes = this.#many(records);
    this.#underWay.add(outcomes);
    return outcomes.finally(() => this.#underWay.delete(outcomes));
  }

  async #many(records: readonly BatchedCreation[]): Promise<readonly BatchOutcome[]> {
    const [sent, refused] = this.#sorted(records);
    if (sent.size === 0) return records.map((record) => refused.get(record) ?? addressMissing());
    const askedAtMs = Date.now();
    const outcomes = await this.#send([...sent.values()].map(newMember));
    return records.map((record) => {
      const hash = hashOf(emailOf(record) ?? '');
      if (sent.get(hash) !== record) return refused.get(record) ?? addressMissing();
      const member = outcomes instanceof ProviderError ? outcomes : outcomes.of(hash);
      if (member instanceof ProviderError) {
        if (member.details.code === MEMBER_EXISTS) this.#met.add(hash);
        return member;
      }
      this.#keys.set(hash, record.idempotencyKey);
      this.#made.add(member.contact_id);
      return written(member, record.mapped, askedAtMs);
    });
  }

  /** The records to send by the hash of their address: of several with one address the first. */
  #sorted(records: readonly BatchedCreation[]) {
    const sent = new Map<string, BatchedCreation>();
    const refused = new Map<BatchedCreation, ProviderError>();
    for (const record of records) {
      const email = emailOf(record);
      const hash = hashOf(email ?? '');
      if (email === null) refused.set(record, addressMissing());
      else if (sent.has(hash) || (this.#keys.get(hash) ?? record.idempotencyKey) !== record.idempotencyKey)
        refused.set(record, duplicateAddress());
      else sent.set(hash, record);
    }
    return [sent, refused] as const;
  }

  /** An audience that is gone refuses each record: a smaller batch would not help. */
  async #send(members: readonly object[]): Promise<BatchOutcomes | ProviderError> {
    try {
      return await this.#calls.batch(members, { updates: false });
    } catch (error) {
      if (isMissing(error)) return audienceGone();
      throw error;
    }
  }
}

const emailOf = ({ mapped }: Pick<BatchedCreation, 'mapped'>): string | null =>
  (mapped.payload as SentMember).email ?? null;

/** An address that was archived joins again with the values that it had. */
function newMember({ mapped: { payload, notes = [] }, isAnew }: BatchedCreation): object {
  const { address, ...sent } = payload as SentMember;
  const isKept = address === null && notes.some(({ code }) => code === ADDRESS_INCOMPLETE.code);
  const content = { ...sent, ...(address !== undefined && !isKept && { address }) };
  return {
    email_address: sent.email,
    status: newStatusOf(sent.marketingConsent),
    merge_fields: mergeValuesOf(content, { clears: isAnew === true, state: null }),
    ...(sent.tags && sent.tags.length > 0 && { tags: sent.tags }),
  };
}

function written(member: Member, { payload, notes = [] }: MappedRecord, askedAtMs: number): WrittenRecord {
  const { marketingConsent } = payload as SentMember;
  // A batch passes in silence over a subscription that Mailchimp does not allow
  // (https://github.com/strangerstudios/pmpro-mailchimp/pull/152, read 2026-11-29).
  const isKept = marketingConsent === true && member.status !== 'subscribed';
  return { ...toRecord(member, askedAtMs), notes: [...notes, ...(isKept ? [consentKept(member.status)] : [])] };
}

/** Whether the member has what the record says; where that says nothing, anything will do. */
function isAsWanted(member: Member, { payload }: MappedRecord): boolean {
  const present: Readonly<Record<string, unknown>> = { ...contentOf(toFields(member)) };
  return Object.entries(payload).every(
    ([name, value]) =>
      fingerprintOf([value]) === fingerprintOf([present[name]]) ||
      (value === null && (name === 'marketingConsent' || name === 'tags')),
  );
}
