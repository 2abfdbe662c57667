import { changeFeed } from '../../../domain/sync/pull/pull-plan.ts';
import { fingerprintOf } from '../../../domain/sync/fingerprint.ts';
import type { Address } from '../../../records/customers.ts';
import { inOrder } from '../../outcomes-in-order.ts';
import { ProviderError } from '../../provider-error.ts';
import type { PullPlan, ResourceSession } from '../../provider.ts';
import type { Ask } from '../http/ask.ts';
import { keyOf, refusal } from '../http/ask.ts';
import { searchByValue } from '../http/bulk-search.ts';
import { writeElements } from '../http/elements.ts';
import {
  CHANGES,
  countObjects,
  list,
  listRecords,
  PAGED_IDS,
  readOne,
  retrievalOf,
  retrieveRecord,
} from '../http/lists.ts';
import type { Collection } from '../http/lists.ts';
import { createBatchWriter } from '../http/writer.ts';
import type { RefusedCreation, WrittenCollection } from '../http/writer.ts';
import { isActive, postalAddressOf, referenceOf, referencesOf, toFields, toRecord } from './customer-fields.ts';
import { contentOf } from './customer-mapping.ts';
import type { CustomerPayload } from './customer-mapping.ts';
import { contactSchema } from './customer-responses.ts';
import type { XeroContact } from './customer-responses.ts';
import { MetContacts, NAME_TAKEN } from './met-contacts.ts';

const CHANGED = 'changed-contacts';

/** Whoever is archived counts as deleted; the list of changes tells it. */
export const customerPullPlan: PullPlan = {
  listing: [[list('contacts')]],
  changes: changeFeed([[list(CHANGED)]], CHANGES),
  mayVanish: true,
  dates: ['changes', 'deletions'],
};

const CONTACTS: Collection<XeroContact> = {
  name: 'Contacts',
  idProperty: 'ContactID',
  schema: contactSchema,
  toRecord,
};
/** Archived contacts are told only when they are asked for. */
const WITH_ARCHIVED: Collection<XeroContact> = { ...CONTACTS, query: { includeArchived: 'true' } };

export function createCustomerSession(ask: Ask): ResourceSession {
  const met = new MetContacts(ask, CONTACTS);
  return {
    listPage: (query) => listRecords(ask, query.stream === CHANGED ? WITH_ARCHIVED : CONTACTS, query),
    count: () => countObjects(ask, CONTACTS),
    versionOf: (askedAtMs) => askedAtMs,
    retrieve: (externalId) => retrieveRecord(ask, CONTACTS, externalId),
    retrieveMany: retrievalOf(ask, CONTACTS),
    writer: {
      ...createBatchWriter(ask, {
        ...WRITTEN,
        async afterRefusals(refused) {
          await met.meet(refused);
          return inOrder(refused, (one) => afterRefusal(ask, one, met));
        },
      }),

      /** A contact cannot be deleted: it is archived, which frees its name. */
      async archive(externalId, { idempotencyKey }) {
        const found = await readOne(ask, CONTACTS, externalId);
        if (!found || !isActive(found)) return 'deleted';
        const [outcome] = await writeElements(ask, CONTACTS, {
          method: 'POST',
          elements: [{ ContactID: found.ContactID, ContactStatus: 'ARCHIVED' }],
          idempotencyKey: keyOf(idempotencyKey, String(found.UpdatedDateUTC)),
        });
        if (outcome instanceof Error) throw outcome;
        return 'deleted';
      },

      async findRemote({ recordId, excluded = [] }) {
        const there = met.of(referenceOf(recordId));
        // It is another record's.
        if (there && excluded.includes(there.ContactID)) throw nameTaken('rejected');
        if (there) return { found: foundOf(there), after: null };
        const { contact } = await lookUp(ask, referenceOf(recordId));
        const isOurs = contact && !excluded.includes(contact.ContactID);
        return { found: isOurs ? toRecord(contact) : null, after: null };
      },

      findMany: searchByValue(ask, WITH_ARCHIVED, {
        property: 'ContactNumber',
        valueOf: ({ recordId }) => referenceOf(recordId),
        // A record whose contact is archived may have another one since.
        choose([contact], { recordId }) {
          const there = met.of(referenceOf(recordId));
          if (there) return foundOf(there);
          return contact ? (isActive(contact) ? toRecord(contact) : undefined) : null;
        },
      }),
    },
  };
}

const TAKEN: ReadonlySet<string> = new Set(['duplicate-contact-number', NAME_TAKEN]);

const nameTaken = (kind: 'conflict' | 'rejected'): ProviderError =>
  new ProviderError({ provider: 'xero', kind, httpStatus: 400, code: NAME_TAKEN });

const foundOf = (contact: XeroContact) => ({ ...toRecord(contact), wasThere: true }) as const;

/**
 * A name may be that of a contact that is the record's all the same, which is looked up and changed. The number may be
 * that of an archived contact of the same record, and Xero does not document how it says so; one of a living contact is
 * told as a conflict.
 */
async function afterRefusal(
  ask: Ask,
  { payload, error }: RefusedCreation,
  met: MetContacts,
): Promise<Body | ProviderError | null> {
  const { reference } = payload as Partial<CustomerPayload>;
  const { code = '' } = error.details;
  if (!TAKEN.has(code) || reference === undefined) return null;
  if (code === NAME_TAKEN && met.of(reference)) return nameTaken('conflict');
  const { contact, free } = await lookUp(ask, reference);
  return contact || free === null || free === reference ? null : newContact({ ...payload, reference: free });
}

/** The living contact with one of a record’s numbers, or the first number that none has. */
async function lookUp(
  ask: Ask,
  reference: string,
): Promise<{ readonly contact: XeroContact | null; readonly free: string | null }> {
  for (const number of referencesOf(reference)) {
    const contact = await readOne(ask, CONTACTS, number);
    if (!contact) return { contact: null, free: number };
    if (isActive(contact)) return { contact, free: null };
  }
  return { contact: null, free: null };
}

const WRITTEN: WrittenCollection<XeroContact> = {
  collection: WITH_ARCHIVED,
  ...PAGED_IDS,
  idOf: ({ ContactID }) => ContactID,
  versionOf: ({ UpdatedDateUTC }) => UpdatedDateUTC,
  isPresent: isActive,
  toRecord,
  newBody: (payload) => newContact(payload),
  changesTo,
};

type Body = Readonly<Record<string, unknown>>;
/** Without the fields that the connection leaves out. */
type Sent = Partial<CustomerPayload>;

function newContact({ reference, name, email, phone, address }: Sent): Body {
  if (!name) throw refusal('name-missing', 'name');
  return {
    Name: name,
    ContactNumber: reference,
    ...(email && { EmailAddress: email }),
    ...(phone && { Phones: [phoneBody(phone)] }),
    ...(address && { Addresses: [addressBody(address)] }),
  };
}

/** Only the properties that differ; what is cleared is sent empty, but a name cannot be. */
function changesTo(contact: XeroContact, wanted: Sent): Body {
  const present = contentOf(toFields(contact));
  const changed = <Name extends keyof typeof present>(
    name: Name,
    body: (value: CustomerPayload[Name]) => Body,
  ): Body => {
    const value = wanted[name] as CustomerPayload[Name] | undefined;
    return value === undefined || fingerprintOf([value]) === fingerprintOf([present[name]]) ? {} : body(value);
  };
  return {
    ...changed('name', (name) => {
      if (!name) throw refusal('name-missing', 'name');
      return { Name: name };
    }),
    ...changed('email', (email) => ({ EmailAddress: email ?? '' })),
    // All types go back as they were read: whether Xero keeps one that is not sent is not documented.
    ...changed('phone', (phone) => ({
      Phones: replaced(contact.Phones, 'PhoneType', phoneBody(phone ?? '')),
    })),
    ...changed('address', (address) => ({
      Addresses: replaced(contact.Addresses, 'AddressType', {
        ...postalAddressOf(contact),
        ...addressBody(address ?? NO_ADDRESS),
      }),
    })),
  };
}

function replaced(all: readonly Body[], type: string, one: Body): readonly Body[] {
  return [...all.filter((other) => other[type] !== one[type]), one];
}

const phoneBody = (phone: string): Body => ({
  ...{ PhoneType: 'DEFAULT', PhoneNumber: phone, PhoneAreaCode: '', PhoneCountryCode: '' },
});

const NO_ADDRESS: Address = { line1: null, line2: null, city: null, region: null, postalCode: null, country: null };

/** The lines behind the second are part of the second here. */
const addressBody = ({ line1, line2, city, region, postalCode, country }: Address): Body => ({
  AddressType: 'POBOX',
  AddressLine1: line1 ?? '',
  AddressLine2: line2 ?? '',
  AddressLine3: '',
  AddressLine4: '',
  City: city ?? '',
  Region: region ?? '',
  PostalCode: postalCode ?? '',
  Country: country ?? '',
});
