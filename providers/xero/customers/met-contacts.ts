import type { Ask } from '../http/ask.ts';
import { isOnePerson } from '../../name-and-address.ts';
import { readByValues } from '../http/bulk-search.ts';
import type { Collection } from '../http/lists.ts';
import type { RefusedCreation } from '../http/writer.ts';
import { isActive, isOfRecord, toFields } from './customer-fields.ts';
import { contentOf } from './customer-mapping.ts';
import type { CustomerPayload } from './customer-mapping.ts';
import type { XeroContact } from './customer-responses.ts';

/** Contacts that were there when a record of their name was to be made, and are the record's all the same. */
export class MetContacts {
  readonly #ask: Ask;
  readonly #contacts: Collection<XeroContact>;
  readonly #byReference = new Map<string, XeroContact>();

  constructor(ask: Ask, contacts: Collection<XeroContact>) {
    this.#ask = ask;
    this.#contacts = contacts;
  }

  /** The contact that was met for the record of this reference. */
  of(reference: string | undefined): XeroContact | null {
    return this.#byReference.get(reference ?? '') ?? null;
  }

  /** Looks for those whose names have refused new contacts, by few calls. */
  async meet(refused: readonly RefusedCreation[]): Promise<void> {
    const payloads = refused
      .filter(({ error }) => error.details.code === NAME_TAKEN)
      .map(({ payload }) => payload as Partial<CustomerPayload>);
    // Whether Xero compares addresses with regard to case is not documented.
    const values = [...new Set(payloads.flatMap(({ email }) => (email ? [email, email.toLowerCase()] : [])))];
    if (values.length === 0) return;
    const search = { property: 'EmailAddress', values, isCaseless: true } as const;
    const known = await readByValues(this.#ask, this.#contacts, search);
    for (const payload of payloads) {
      const { reference, email } = payload;
      const found = known.get(email?.toLowerCase() ?? '')?.find((contact) => isFree(contact, payload));
      if (found && reference !== undefined) this.#byReference.set(reference, found);
    }
  }
}

export const NAME_TAKEN = 'duplicate-name';

/** In use, the same person, and no record's. */
const isFree = (contact: XeroContact, payload: Partial<CustomerPayload>): boolean =>
  isActive(contact) && !isOfRecord(contact) && isOnePerson({ ...contentOf(toFields(contact)) }, { ...payload });
