import { ProviderError } from '../../provider-error.ts';
import { word } from '../../http/transport.ts';
import { meaningOf } from '../errors.ts';
import { hashOf } from './customer-fields.ts';
import { memberIn, unreadableMember } from './customer-responses.ts';
import type { BatchAnswer, ItemError, Member } from './customer-responses.ts';

/** What a batch answers of each member that it was sent, by the hash of its address. */
export class BatchOutcomes {
  /** As they were told: each is read when it is asked for, so that few of a batch are held twice. */
  readonly #members = new Map<string, unknown>();
  readonly #errors = new Map<string, ItemError>();

  constructor({ new_members: added, updated_members: changed, errors }: BatchAnswer) {
    for (const raw of [...added, ...changed]) {
      const hash = hashIn(raw);
      if (hash !== null) this.#members.set(hash, raw);
    }
    for (const error of errors) if (error.email_address !== null) this.#errors.set(hashOf(error.email_address), error);
  }

  /** The member of this address, or what went wrong with it. */
  of(hash: string): Member | ProviderError {
    const error = this.#errors.get(hash);
    if (error) return faultOf(error);
    return this.#members.has(hash)
      ? memberIn(this.#members.get(hash))
      : unreadableMember('the answer to a batch: a member is missing');
  }
}

/** Of a member that may be unreadable. */
function hashIn(raw: unknown): string | null {
  const { id, email_address: address } = (raw ?? {}) as { readonly id?: unknown; readonly email_address?: unknown };
  if (typeof id === 'string' && id !== '') return id;
  return typeof address === 'string' ? hashOf(address) : null;
}

export const MEMBER_EXISTS = 'member-exists';

/**
 * An error of one member. Mailchimp knows two codes: that the address is there already, and anything else, whose text
 * says what (https://github.com/mailchimp/mailchimp-client-lib-codegen/pull/303, read 2026-11-29).
 */
function faultOf({ error, error_code: code, field }: ItemError): ProviderError {
  const isThere = code === 'ERROR_CONTACT_EXISTS';
  return new ProviderError({
    provider: 'mailchimp',
    kind: isThere ? 'conflict' : 'rejected',
    httpStatus: 400,
    code: isThere ? MEMBER_EXISTS : (meaningOf(error) ?? 'invalid-resource'),
    field: word(field),
  });
}
