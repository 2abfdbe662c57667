import { json } from '../../oauth/exchange.ts';
import type { Endpoint } from '../http/endpoint.ts';
import { notFound } from '../errors.ts';
import { findOne, pageOf, wantedOf } from '../http/paging.ts';
import { ElementProblem, writeElements, WRITES } from '../http/writing.ts';
import type { Written } from '../http/writing.ts';
import { textOf } from '../state/xero-state.ts';
import type { Organisation, WireObject } from '../state/xero-state.ts';

const READ = ['accounting.contacts', 'accounting.contacts.read'];
const WRITE = ['accounting.contacts'];

/** https://developer.xero.com/documentation/api/accounting/contacts (2026-11). Archived contacts are left out unless they are asked for. */
export const CONTACT_ENDPOINTS: readonly Endpoint[] = [
  {
    ...{ method: 'GET', collection: 'Contacts', one: false, scopes: READ },
    run(request) {
      const { query } = request.visit;
      const withArchived = query.get('includeArchived')?.toLowerCase() === 'true';
      const wanted = wantedOf(request, 'Contacts').filter((contact) => withArchived || isActive(contact));
      const { objects, pagination } = pageOf(request, wanted);
      return { ...(pagination && { pagination }), Contacts: objects };
    },
  },
  {
    ...{ method: 'GET', collection: 'Contacts', one: true, scopes: READ },
    run({ organisation, rest }) {
      const found = findOne(organisation, 'Contacts', { key: rest, alias: 'ContactNumber' });
      return found ? { Contacts: [found] } : notFound();
    },
  },
  ...WRITES.map(({ method, one }): Endpoint => ({
    ...{ method, one, collection: 'Contacts', scopes: WRITE },
    run: (request) => writeElements(request, CONTACTS),
  })),
];

const isActive = (contact: WireObject) => (contact['ContactStatus'] ?? 'ACTIVE') === 'ACTIVE';

const CONTACTS: Written = {
  entity: 'Contacts',
  sameAs({ state, id: tenant }, element) {
    const [number, name] = [textOf(element, 'ContactNumber'), textOf(element, 'Name')];
    const contacts = state.list(tenant, 'Contacts');
    return (
      (number === null ? undefined : contacts.find((contact) => contact['ContactNumber'] === number)) ??
      (name === null
        ? undefined
        : contacts.find((contact) => isActive(contact) && sameName(textOf(contact, 'Name'), name)))
    );
  },
  duplicate: (element) =>
    `The contact name ${String(element['Name'])} is already assigned to another contact. The contact name must be unique across all active contacts.`,
  next: nextContact,
};

const sameName = (one: string | null, other: string): boolean =>
  one?.trim().toLowerCase() === other.trim().toLowerCase();

function nextContact(organisation: Organisation, element: WireObject, current: WireObject | undefined): WireObject {
  checkTexts(element);
  const next = { ...EMPTY_CONTACT, ...current, ...element };
  if (textOf(next, 'Name') === null) throw new ElementProblem('The Contact Name is required.');
  checkNumber(organisation, next, current);
  return {
    ...next,
    Addresses: mergedBy('AddressType', next, { element, current }),
    Phones: mergedBy('PhoneType', next, { element, current }),
  };
}

const EMPTY_CONTACT: WireObject = {
  ContactStatus: 'ACTIVE',
  BankAccountDetails: '',
  Addresses: ['STREET', 'POBOX'].map((AddressType) => ({
    AddressType,
    City: '',
    Region: '',
    PostalCode: '',
    Country: '',
  })),
  Phones: ['DDI', 'DEFAULT', 'FAX', 'MOBILE'].map((PhoneType) => ({
    PhoneType,
    PhoneNumber: '',
    PhoneAreaCode: '',
    PhoneCountryCode: '',
  })),
  ContactGroups: [],
  ContactPersons: [],
  IsSupplier: false,
  IsCustomer: false,
  HasAttachments: false,
  HasValidationErrors: false,
};

/** Types that an element does not name keep what they are; one that is named is replaced. */
function mergedBy(
  type: 'AddressType' | 'PhoneType',
  next: WireObject,
  { element, current }: { readonly element: WireObject; readonly current: WireObject | undefined },
): readonly WireObject[] {
  const name = type === 'AddressType' ? 'Addresses' : 'Phones';
  const before = ((current ?? EMPTY_CONTACT)[name] ?? []) as readonly WireObject[];
  const given = (element[name] ?? []) as readonly WireObject[];
  const merged = before.map((one) => given.find((other) => other[type] === one[type]) ?? one);
  const added = given.filter((one) => !before.some((other) => other[type] === one[type]));
  return next[name] === undefined ? [] : [...merged, ...added];
}

const LONGEST: Readonly<Record<string, number>> = {
  Name: 255,
  EmailAddress: 255,
  ContactNumber: 50,
  AccountNumber: 50,
};

function checkTexts(element: WireObject): void {
  for (const [name, most] of Object.entries(LONGEST))
    if ((textOf(element, name)?.length ?? 0) > most)
      throw new ElementProblem(`The ${name} must not be longer than ${most} characters.`);
  const email = textOf(element, 'EmailAddress');
  // Umlauts are not supported (https://developer.xero.com/documentation/api/accounting/contacts, 2026-11).
  if (email !== null && !/^[\x21-\x7e]+@[\x21-\x7e]+\.[\x21-\x7e]+$/.test(email))
    throw new ElementProblem('Email address is not valid.');
}

function checkNumber({ state, id: tenant }: Organisation, next: WireObject, current: WireObject | undefined): void {
  const number = textOf(next, 'ContactNumber');
  if (number === null) return;
  const owner = state.list(tenant, 'Contacts').find((contact) => contact['ContactNumber'] === number);
  if (owner && owner['ContactID'] !== current?.['ContactID'])
    throw new ElementProblem(`The contact number ${number} is already assigned to another contact.`);
}

/** The organisation itself. */
export const ORGANISATION_ENDPOINTS: readonly Endpoint[] = [
  {
    ...{ method: 'GET', collection: 'Organisation', one: false },
    scopes: ['accounting.settings', 'accounting.settings.read'],
    run: ({ organisation: { id, name, baseCurrency } }) =>
      json({
        Organisations: [
          {
            ...{ OrganisationID: id, Name: name, LegalName: name, BaseCurrency: baseCurrency, CountryCode: 'GB' },
            ...{ OrganisationType: 'COMPANY', OrganisationStatus: 'ACTIVE', IsDemoCompany: true },
          },
        ],
      }),
  },
];
