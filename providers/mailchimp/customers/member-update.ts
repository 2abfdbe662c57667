import { ProviderError } from '../../provider-error.ts';
import type { BatchedUpdate, BatchOutcome, ExternalState, MappedRecord, WrittenRecord } from '../../provider.ts';
import type { RecordNote } from '../../../contracts/records.ts';
import { audienceGone, isMissing, missingMember } from '../http/ask.ts';
import type { BatchOutcomes } from './batch-outcomes.ts';
import { consentChange, consentKept, mayWiden } from './consent.ts';
import { hashOf, toRecord } from './customer-fields.ts';
import type { SentMember } from './customer-mapping.ts';
import type { Member } from './customer-responses.ts';
import { duplicateAddress } from './member-creation.ts';
import type { MemberCalls } from './member-calls.ts';
import { mergeValuesOf } from './merge-values.ts';

type Body = Readonly<Record<string, unknown>>;

/** Changes members. Only what the payload has is sent: Mailchimp leaves other merge fields as they are. */
export class MemberUpdate {
  readonly #calls: MemberCalls;

  constructor(calls: MemberCalls) {
    this.#calls = calls;
  }

  /** By the `contact_id`, whatever has become of the address. Throws ProviderError. */
  async one(update: BatchedUpdate): Promise<WrittenRecord> {
    const askedAtMs = Date.now();
    const { externalId, mapped, externalState: state } = update;
    const sent = mapped.payload as SentMember;
    const present = mayWiden(sent.marketingConsent, state?.['status']) ? await this.#present(externalId) : null;
    const { status, notes } = consentChange(sent.marketingConsent, present?.status ?? state?.['status']);
    const body = bodyOf(sent, state, status);
    if (Object.keys(body).length === 0)
      return this.#finished(present ?? (await this.#present(externalId)), mapped, { notes, askedAtMs });
    const changed = await this.#change(externalId, body);
    return this.#finished(changed.member, mapped, { notes: [...notes, ...changed.notes], askedAtMs });
  }

  /**
   * A batch names members by their addresses. A member whose address or status changes goes alone: then its identity is
   * its `contact_id`, and its status is read where it may be subscribed.
   */
  async many(updates: readonly BatchedUpdate[]): Promise<readonly BatchOutcome[]> {
    const together = updates.filter(isForBatch);
    const askedAtMs = Date.now();
    const outcomes = together.length === 0 ? null : await this.#send(together.map(changedMember));
    const results: BatchOutcome[] = [];
    for (const update of updates)
      results.push(
        await asOutcome(outcomes && isForBatch(update) ? this.#settled(update, outcomes, askedAtMs) : this.one(update)),
      );
    return results;
  }

  /** An audience that is gone refuses each record: a smaller batch would not help. */
  async #send(members: readonly object[]): Promise<BatchOutcomes | ProviderError> {
    try {
      return await this.#calls.batch(members, { updates: true });
    } catch (error) {
      if (isMissing(error)) return audienceGone();
      throw error;
    }
  }

  async #settled(
    update: BatchedUpdate,
    outcomes: BatchOutcomes | ProviderError,
    askedAtMs: number,
  ): Promise<WrittenRecord> {
    if (outcomes instanceof ProviderError) throw outcomes;
    const { externalId, mapped, externalState: state } = update;
    const hash = hashOf(emailOf(update) ?? '');
    const member = outcomes.of(hash);
    if (member instanceof ProviderError) throw (await this.#whyRefused(update, hash)) ?? member;
    // The address is another member's by now.
    if (member.contact_id !== externalId) throw movedAway();
    const { notes } = consentChange((mapped.payload as SentMember).marketingConsent, state?.['status']);
    return this.#finished(member, mapped, { notes, askedAtMs });
  }

  /** Of a member that a batch refused: it is gone, or has another address. Null where neither is the reason. */
  async #whyRefused({ externalId }: BatchedUpdate, hash: string): Promise<ProviderError | null> {
    const present = await this.#calls.find(externalId);
    if (present === null) return missingMember();
    return present.id === hash ? null : movedAway();
  }

  async #present(externalId: string): Promise<Member> {
    const member = await this.#calls.find(externalId);
    if (member === null) throw missingMember();
    return member;
  }

  /** Where Mailchimp does not allow the subscription, the rest is written without it. */
  async #change(
    externalId: string,
    body: Body,
  ): Promise<{ readonly member: Member; readonly notes: readonly RecordNote[] }> {
    try {
      return { member: await this.#calls.change(externalId, body), notes: [] };
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      const { code } = error.details;
      if (code === 'address-taken') throw duplicateAddress();
      if (code !== 'member-in-compliance-state' || body['status'] !== 'subscribed') throw error;
      const rest = Object.fromEntries(Object.entries(body).filter(([name]) => name !== 'status'));
      const isEmpty = Object.keys(rest).length === 0;
      const member = isEmpty ? await this.#present(externalId) : await this.#calls.change(externalId, rest);
      return { member, notes: [consentKept(member.status)] };
    }
  }

  /** An archived member counts as gone: what is written to it nobody sees. */
  async #finished(
    member: Member,
    { payload, notes: given = [] }: MappedRecord,
    { notes, askedAtMs }: { readonly notes: readonly RecordNote[]; readonly askedAtMs: number },
  ): Promise<WrittenRecord> {
    if (member.status === 'archived') throw missingMember();
    const { tags } = payload as SentMember;
    const tagged = tags ? await this.#calls.tag(member, tags) : member;
    return { ...toRecord(tagged, askedAtMs), notes: [...given, ...notes] };
  }
}

/** The address only where it changes. */
function bodyOf(sent: SentMember, state: ExternalState | null, status: Member['status'] | null): Body {
  const { email = null } = sent;
  const isMoved = email !== null && hashOf(email) !== state?.['hash'];
  const values = mergeValuesOf(sent, { clears: true, state });
  return {
    ...(isMoved && { email_address: email }),
    ...(Object.keys(values).length > 0 && { merge_fields: values }),
    ...(status !== null && { status }),
  };
}

const emailOf = ({ mapped }: Pick<BatchedUpdate, 'mapped'>): string | null =>
  (mapped.payload as SentMember).email ?? null;

function isForBatch({ mapped, externalState: state }: BatchedUpdate): boolean {
  const { email = null, marketingConsent } = mapped.payload as SentMember;
  const isKnown = email !== null && hashOf(email) === state?.['hash'];
  return (
    isKnown &&
    consentChange(marketingConsent, state['status']).status === null &&
    !mayWiden(marketingConsent, state['status'])
  );
}

/** Without a status: a batch never subscribes, and never adds whoever is gone. */
function changedMember({ mapped, externalState: state }: BatchedUpdate): object {
  const sent = mapped.payload as SentMember;
  return { email_address: sent.email, merge_fields: mergeValuesOf(sent, { clears: true, state }) };
}

/** The member has another address than it was known by: it is read again before it is changed. */
const movedAway = (): ProviderError =>
  new ProviderError({ provider: 'mailchimp', kind: 'conflict', httpStatus: 200, code: 'address-changed' });

/** What concerns one member alone is its outcome; any other failure is thrown. */
async function asOutcome(written: Promise<WrittenRecord>): Promise<BatchOutcome> {
  try {
    return await written;
  } catch (error) {
    if (error instanceof ProviderError && isOfOne(error)) return error;
    throw error;
  }
}

const isOfOne = (error: ProviderError): boolean => {
  const { kind, httpStatus, unreadable } = error.details;
  return (
    unreadable !== undefined || isMissing(error) || ((kind === 'rejected' || kind === 'conflict') && httpStatus !== 403)
  );
};
