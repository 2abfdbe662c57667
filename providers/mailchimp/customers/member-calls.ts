import { nullWhenMissing } from '../http/ask.ts';
import type { Ask, MailchimpCall } from '../http/ask.ts';
import type { Audience } from '../http/audience.ts';
import { BatchOutcomes } from './batch-outcomes.ts';
import { comparableTags, digestOf, tagNames } from './customer-fields.ts';
import { batchSchema, memberSchema } from './customer-responses.ts';
import type { Member } from './customer-responses.ts';

/** The calls about members of one audience. */
export class MemberCalls {
  readonly #ask: Ask;
  readonly #audience: Audience;

  constructor(ask: Ask, audience: Audience) {
    this.#ask = ask;
    this.#audience = audience;
  }

  /** By the `contact_id` or the hash of the address; null for one that is not there, or archived. */
  async find(name: string): Promise<Member | null> {
    const path = await this.#audience.path('members', name);
    const found = await nullWhenMissing(this.#ask(memberSchema, { method: 'GET', path, isOneObject: true }));
    return found?.status === 'archived' ? null : found;
  }

  async change(contactId: string, body: NonNullable<MailchimpCall['body']>): Promise<Member> {
    const path = await this.#audience.path('members', contactId);
    return this.#ask(memberSchema, { method: 'PATCH', path, body, isOneObject: true });
  }

  async batch(members: readonly object[], { updates }: { readonly updates: boolean }): Promise<BatchOutcomes> {
    const path = await this.#audience.path();
    const body = { members, update_existing: updates };
    return new BatchOutcomes(await this.#ask(batchSchema, { method: 'POST', path, body }));
  }

  /**
   * Makes a known member's tags these, by their own endpoint: no other takes them. `is_syncing` keeps automations that
   * wait for a tag from starting (https://mailchimp.com/developer/marketing/api/list-member-tags/, read 2026-11-29).
   */
  async tag(member: Member, wanted: readonly string[]): Promise<Member> {
    const present = tagNames(member);
    if (digestOf(present) === digestOf(wanted)) return member;
    const kept = new Set(comparableTags(wanted));
    const removed = present.filter((name) => !kept.has(name.trim().toLowerCase()));
    const known = new Set(comparableTags(present));
    const added = wanted.filter((name) => !known.has(name));
    const tags = [
      ...added.map((name) => ({ name, status: 'active' })),
      ...removed.map((name) => ({ name, status: 'inactive' })),
    ];
    const path = await this.#audience.path('members', member.id, 'tags');
    await this.#ask.done({ method: 'POST', path, body: { tags, is_syncing: true } });
    const left = (member.tags ?? []).filter(({ name }) => !removed.includes(name));
    return { ...member, tags: [...left, ...added.map((name) => ({ name }))] };
  }
}
