import { changeFeed } from '../../../domain/sync/pull/pull-plan.ts';
import { fingerprintOf } from '../../../domain/sync/fingerprint.ts';
import type { Address, CustomerFields } from '../../../records/customers.ts';
import { isOnePerson } from '../../name-and-address.ts';
import { ProviderError } from '../../provider-error.ts';
import type { PullPlan, ResourceSession } from '../../provider.ts';
import type { Ask } from '../http/ask.ts';
import { CHANGES, changeList, countObjects, entityList } from '../http/lists.ts';
import type { Listed } from '../http/lists.ts';
import { createNamedWriter } from '../http/named-writer.ts';
import type { NamedEntity } from '../http/named-writer.ts';
import { listChangedRecords, listRecords, retrievalOf, retrieveRecord } from '../http/records.ts';
import { ACTIVE_OR_NOT } from '../http/query.ts';
import { toFields, toRecord } from './customer-fields.ts';
import { contentOf } from './customer-mapping.ts';
import type { CustomerPayload } from './customer-mapping.ts';
import { customerSchema } from './customer-responses.ts';
import type { QuickBooksCustomer } from './customer-responses.ts';

/** Whoever is inactive counts as deleted; change data capture tells it. */
export const customerPullPlan: PullPlan = {
  listing: [[entityList('customers')]],
  changes: changeFeed([[changeList('changed-customers')]], CHANGES),
  mayVanish: true,
  dates: ['changes', 'deletions'],
};

const CUSTOMERS: Listed = { entity: 'Customer', hasInactive: true };
const READ = { listed: CUSTOMERS, whenChanged: [ACTIVE_OR_NOT], schema: customerSchema, toRecord };

export function createCustomerSession(ask: Ask): ResourceSession {
  return {
    listPage: (query) =>
      query.stream === 'customers' ? listRecords(ask, READ, query) : listChangedRecords(ask, [READ], query),
    count: () => countObjects(ask, CUSTOMERS),
    versionOf: (askedAtMs) => askedAtMs,
    async retrieve(externalId) {
      const record = await retrieveRecord(ask, READ, externalId);
      return record?.deleted === false ? record : null;
    },
    retrieveMany: retrievalOf(ask, READ),
    writer: createNamedWriter(ask, CUSTOMER),
  };
}

const CUSTOMER: NamedEntity<QuickBooksCustomer> = {
  entity: 'Customer',
  schema: customerSchema,
  nameProperty: 'DisplayName',
  isActive: ({ Active }) => Active,
  keepsInactive: false,
  toRecord,
  payloadOf: (fields) => ({ ...contentOf(fields as CustomerFields) }),
  newBody: (payload) => newCustomer(payload),
  changesTo: (customer, payload) => changesTo(customer, payload),
  isTheSame: (customer, payload) => isOnePerson({ ...contentOf(toFields(customer)) }, payload),
};

type Body = Readonly<Record<string, unknown>>;
/** Without the fields that the connection leaves out. */
type Sent = Partial<CustomerPayload>;

const newCustomer = ({ name, email, phone, address }: Sent): Body => ({
  DisplayName: needed(name ?? null),
  ...(email && { PrimaryEmailAddr: { Address: email } }),
  ...(phone && { PrimaryPhone: { FreeFormNumber: phone } }),
  ...(address && { BillAddr: addressBody(address) }),
});

/** Only the properties that differ; what is cleared is sent empty, but a name cannot be. */
function changesTo(customer: QuickBooksCustomer, wanted: Sent): Body {
  const present = contentOf(toFields(customer));
  const changed = <Name extends keyof CustomerPayload>(
    name: Name,
    body: (value: CustomerPayload[Name]) => Body,
  ): Body => {
    const value = wanted[name];
    return value === undefined || fingerprintOf([value]) === fingerprintOf([present[name]]) ? {} : body(value);
  };
  return {
    ...changed('name', (name) => ({ DisplayName: needed(name) })),
    ...changed('email', (email) => ({ PrimaryEmailAddr: { Address: email ?? '' } })),
    ...changed('phone', (phone) => ({ PrimaryPhone: { FreeFormNumber: phone ?? '' } })),
    ...changed('address', (address) => ({ BillAddr: addressBody(address ?? NO_ADDRESS) })),
  };
}

function needed(name: string | null): string {
  if (name === null)
    throw new ProviderError({ provider: 'quickbooks', kind: 'rejected', code: 'name-missing', field: 'name' });
  return name;
}

const NO_ADDRESS: Address = { line1: null, line2: null, city: null, region: null, postalCode: null, country: null };

/** Replaces the address whole: the lines behind the second are part of the second here. */
const addressBody = ({ line1, line2, city, region, postalCode, country }: Address): Body => ({
  Line1: line1 ?? '',
  Line2: line2 ?? '',
  Line3: '',
  Line4: '',
  Line5: '',
  City: city ?? '',
  CountrySubDivisionCode: region ?? '',
  PostalCode: postalCode ?? '',
  Country: country ?? '',
});
