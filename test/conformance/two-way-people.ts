import type { MailchimpAccount } from '../support/sandbox/mailchimp-account.ts';
import type { QuickBooksCompany } from '../support/sandbox/quickbooks-company.ts';
import type { SquareMerchant } from '../support/sandbox/square-merchant.ts';
import type { StripeAccount } from '../support/sandbox/stripe-account.ts';
import type { XeroOrganisation } from '../support/sandbox/xero-organisation.ts';

type WireObject = Readonly<Record<string, unknown>>;

/** What both sides say of a customer, in the words of histories. */
export interface Person {
  readonly name: string;
  readonly email: string;
  readonly phone: string | null;
}

/** A field that histories change. */
export type Field = keyof Person;
export const FIELDS: readonly Field[] = ['name', 'email', 'phone'];

/** The customers of an account, as its own people enter, change and see them. */
export interface PeopleOfAccount {
  /** Returns the id of the new customer. */
  enter(person: Person): Promise<string>;
  change(id: string, change: Partial<Person>): Promise<unknown>;
  /** Those in use. */
  all(): Promise<readonly (Person & { readonly id: string })[]>;
}

const textOr = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);
const text = (value: unknown): string => textOr(value) ?? '';

/** Stripe clears what it is sent as an empty text. */
export function stripePeople(account: StripeAccount): PeopleOfAccount {
  const formOf = (change: Partial<Person>) =>
    Object.fromEntries(Object.entries(change).map(([name, value]) => [name, value ?? '']));
  return {
    enter: async (person) => (await account.call('POST', 'customers', formOf(person))).id,
    change: (id, change) => account.call('POST', `customers/${id}`, formOf(change)),
    all: async () =>
      (await account.customers()).map(({ id, name, email, phone }) => ({
        id,
        name: text(name),
        email: text(email),
        phone,
      })),
  };
}

export function squarePeople(merchant: SquareMerchant): PeopleOfAccount {
  const bodyOf = ({ name, email, phone }: Partial<Person>) => ({
    ...(name !== undefined && { givenName: name.split(' ')[0] ?? '', familyName: name.split(' ').slice(1).join(' ') }),
    ...(email !== undefined && { emailAddress: email }),
    ...(phone !== undefined && { phoneNumber: phone as string }),
  });
  return {
    enter: async (person) => (await merchant.client.customers.create(bodyOf(person))).customer?.id ?? '',
    change: (customerId, change) => merchant.client.customers.update({ customerId, ...bodyOf(change) }),
    all: async () =>
      (await merchant.objects<WireObject>('customers')).map((one) => ({
        id: text(one['id']),
        name: [one['given_name'], one['family_name']].filter(Boolean).join(' '),
        email: text(one['email_address']),
        phone: textOr(one['phone_number']),
      })),
  };
}

export function quickbooksPeople(company: QuickBooksCompany): PeopleOfAccount {
  const customers = async () =>
    (await company.objects<WireObject>('Customer')).filter(({ Active }) => Active !== false);
  const bodyOf = ({ name, email, phone }: Partial<Person>) => ({
    ...(name !== undefined && { DisplayName: name }),
    ...(email !== undefined && { PrimaryEmailAddr: { Address: email } }),
    ...(phone !== undefined && { PrimaryPhone: { FreeFormNumber: phone ?? '' } }),
  });
  const partOf = (one: WireObject, name: string, part: string) => (one[name] as WireObject | undefined)?.[part];
  return {
    enter: async (person) => text(((await company.write('customer', bodyOf(person)))['Customer'] as WireObject)['Id']),
    async change(Id, change) {
      const SyncToken = (await customers()).find((one) => one['Id'] === Id)?.['SyncToken'];
      return company.write('customer', { Id, SyncToken, sparse: true, ...bodyOf(change) });
    },
    all: async () =>
      (await customers()).map((one) => ({
        id: text(one['Id']),
        name: text(one['DisplayName']),
        email: text(partOf(one, 'PrimaryEmailAddr', 'Address')),
        phone: textOr(partOf(one, 'PrimaryPhone', 'FreeFormNumber')),
      })),
  };
}

export function mailchimpPeople(account: MailchimpAccount): PeopleOfAccount {
  const bodyOf = ({ name, email, phone }: Partial<Person>) => ({
    ...(email !== undefined && { email_address: email }),
    merge_fields: {
      ...(name !== undefined && { FNAME: name.split(' ')[0] ?? '', LNAME: name.split(' ').slice(1).join(' ') }),
      ...(phone !== undefined && { PHONE: phone ?? '' }),
    },
  });
  const members = async () =>
    (await account.objects<WireObject>('members')).filter(({ status }) => status !== 'archived');
  const write = async (method: string, path: string, body: object) => {
    const answer = await account.ask(method, path, body);
    if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  return {
    // PUT takes an address that was archived earlier back into the audience.
    enter: async (person) =>
      text(
        (
          await write('PUT', `/members/${person.email}`, {
            ...bodyOf(person),
            status: 'transactional',
            status_if_new: 'transactional',
          })
        )['contact_id'],
      ),
    change: (id, change) => write('PATCH', `/members/${id}`, bodyOf(change)),
    all: async () =>
      (await members()).map((one) => {
        const { FNAME, LNAME, PHONE } = one['merge_fields'] as WireObject;
        return {
          id: text(one['contact_id']),
          name: [FNAME, LNAME].filter(Boolean).join(' '),
          email: text(one['email_address']),
          phone: textOr(PHONE),
        };
      }),
  };
}

export function xeroPeople(organisation: XeroOrganisation): PeopleOfAccount {
  const bodyOf = ({ name, email, phone }: Partial<Person>) => ({
    ...(name !== undefined && { Name: name }),
    ...(email !== undefined && { EmailAddress: email }),
    ...(phone !== undefined && { Phones: [{ PhoneType: 'DEFAULT', PhoneNumber: phone ?? '' }] }),
  });
  const contacts = async () =>
    (await organisation.objects<WireObject>('Contacts')).filter(({ ContactStatus }) => ContactStatus === 'ACTIVE');
  const write = async (method: string, contact: object) => {
    const { status, body } = await organisation.ask(method, 'Contacts', { body: { Contacts: [contact] } });
    if (status !== 200) throw new Error(`${method} Contacts: ${status} ${JSON.stringify(body)}`);
    return text((body['Contacts'] as readonly WireObject[])[0]?.['ContactID']);
  };
  return {
    enter: (person) => write('PUT', bodyOf(person)),
    change: (ContactID, change) => write('POST', { ContactID, ...bodyOf(change) }),
    all: async () =>
      (await contacts()).map((one) => {
        const phones = (one['Phones'] as readonly WireObject[] | undefined) ?? [];
        const phone = phones.find(({ PhoneType }) => PhoneType === 'DEFAULT');
        return {
          id: text(one['ContactID']),
          name: text(one['Name']),
          email: text(one['EmailAddress']),
          phone: textOr(phone?.['PhoneNumber']),
        };
      }),
  };
}
