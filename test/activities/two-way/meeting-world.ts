import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { createMailchimpSyncWorld } from '../push/mailchimp-world.ts';
import { createQuickBooksSyncWorld } from '../push/quickbooks-world.ts';
import { createXeroSyncWorld } from '../push/xero-world.ts';

type WireObject = Readonly<Record<string, unknown>>;

/** A person as either side has entered them. */
export interface Person {
  readonly name: string;
  readonly email: string | null;
  readonly phone: string | null;
}

/** An account whose objects are unique by what they say, in the words of these tests. */
export interface MeetingAccount {
  enter(people: readonly Person[]): Promise<unknown>;
  /** Those in use, in the order of their names. */
  people(): Promise<readonly Person[]>;
  /** Changes a person's phone as the account's own people do. */
  rephone(email: string | null, phone: string): Promise<unknown>;
}

export interface MeetingVenue extends TestVenue {
  readonly account: MeetingAccount;
}

type World = Pick<
  Awaited<ReturnType<typeof createMailchimpSyncWorld>>,
  | 'customers'
  | 'sync'
  | 'open'
  | 'begin'
  | 'chunk'
  | 'finish'
  | 'logOf'
  | 'close'
  | 'database'
  | 'mappings'
  | 'runs'
  | 'reach'
>;

/** The activities with their real parts against the stand-in of one provider. */
export interface MeetingWorld {
  readonly world: World;
  /** The codes by which a creation is refused whose person is another record's. */
  readonly refusal: string;
  /** How many records and objects the tests' people change: each record where the provider tells facts of its own. */
  readonly updated: number;
  aVenue(): Promise<MeetingVenue>;
  /** One more venue that is connected to nothing. */
  aVenueApart(): Promise<TestVenue>;
  /** Lets the next write be carried out, and its answer be lost. */
  loseAnswer(): Promise<unknown>;
  /** Moves the provider's clock on, so that what changes next has another time. */
  tick(): Promise<unknown>;
}

const LOST = { kind: 'commit-then-fail', times: 1 } as const;

const sorted = (people: readonly Person[]) => [...people].sort((one, other) => (one.name < other.name ? -1 : 1));

export async function meetingAtMailchimp(): Promise<MeetingWorld> {
  const world = await createMailchimpSyncWorld();
  let aheadMs = 0;
  return {
    world,
    ...{ refusal: 'duplicate-address', updated: 21 },
    aVenueApart: () => world.aVenue('unused'),
    loseAnswer: () => world.mailchimp.fault({ ...LOST, match: { method: 'POST', path: '/3.0/lists/[^/]+' } }),
    tick: () => world.mailchimp.clock((aheadMs += 2_000)),
    async aVenue() {
      const venue = await world.aMailchimpVenue();
      const { account } = venue;
      const members = () => account.objects<WireObject>('members');
      return {
        ...venue,
        account: {
          enter: (people) =>
            account.put(
              'members',
              people.map(({ name, email, phone }) => ({
                email_address: email,
                merge_fields: { FNAME: name, LNAME: '', ADDRESS: '', PHONE: phone ?? '', BIRTHDAY: '' },
              })),
            ),
          people: async () =>
            sorted(
              (await members()).map((one) => {
                const { FNAME, LNAME, PHONE } = one['merge_fields'] as Readonly<Record<string, string>>;
                const name = [FNAME, LNAME].filter(Boolean).join(' ');
                return { name, email: String(one['email_address']), phone: PHONE || null };
              }),
            ),
          async rephone(email, phone) {
            const member = (await members()).find((one) => one['email_address'] === email);
            return account.ask('PATCH', `/members/${String(member?.['id'])}`, { merge_fields: { PHONE: phone } });
          },
        },
      };
    },
  };
}

export async function meetingAtQuickBooks(): Promise<MeetingWorld> {
  const world = await createQuickBooksSyncWorld();
  let aheadMs = 0;
  return {
    world,
    ...{ refusal: '6240', updated: 4 },
    aVenueApart: () => world.aVenue('unused'),
    loseAnswer: () => world.quickbooks.fault({ ...LOST, match: { path: '/v3/company/\\d+/batch' } }),
    tick: () => world.quickbooks.clock((aheadMs += 2_000)),
    async aVenue() {
      const venue = await world.aQuickBooksVenue();
      const { company } = venue;
      const customers = async () =>
        (await company.objects<WireObject>('Customer')).filter(({ Active }) => Active !== false);
      return {
        ...venue,
        account: {
          async enter(people) {
            for (const { name, email, phone } of people)
              await company.write('customer', {
                ...{ DisplayName: name, PrimaryEmailAddr: { Address: email } },
                ...(phone !== null && { PrimaryPhone: { FreeFormNumber: phone } }),
              });
          },
          people: async () =>
            sorted(
              (await customers()).map((one) => ({
                name: String(one['DisplayName']),
                email: ((one['PrimaryEmailAddr'] as WireObject | undefined)?.['Address'] as string | undefined) ?? null,
                phone: ((one['PrimaryPhone'] as WireObject | undefined)?.['FreeFormNumber'] as string) || null,
              })),
            ),
          async rephone(email, phone) {
            const one = (await customers()).find(
              ({ PrimaryEmailAddr }) => (PrimaryEmailAddr as WireObject | undefined)?.['Address'] === email,
            );
            return company.write('customer', {
              ...{ Id: one?.['Id'], SyncToken: one?.['SyncToken'], sparse: true },
              PrimaryPhone: { FreeFormNumber: phone },
            });
          },
        },
      };
    },
  };
}

export async function meetingAtXero(): Promise<MeetingWorld> {
  const world = await createXeroSyncWorld();
  let aheadMs = 0;
  const phones = (phone: string) => ({ Phones: [{ PhoneType: 'DEFAULT', PhoneNumber: phone }] });
  return {
    world,
    ...{ refusal: 'duplicate-name', updated: 4 },
    aVenueApart: () => world.aVenue('unused'),
    loseAnswer: () => world.xero.fault({ ...LOST, match: { method: 'PUT', path: '/api.xro/2.0/Contacts' } }),
    tick: () => world.xero.clock((aheadMs += 2_000)),
    async aVenue() {
      const venue = await world.aXeroVenue();
      const { organisation } = venue;
      const contacts = async () =>
        (await organisation.objects<WireObject>('Contacts')).filter(({ ContactStatus }) => ContactStatus === 'ACTIVE');
      const write = (method: string, Contacts: readonly object[]) =>
        organisation.ask(method, 'Contacts', { body: { Contacts } });
      return {
        ...venue,
        account: {
          enter: (people) =>
            write(
              'PUT',
              people.map(({ name, email, phone }) => ({
                ...{ Name: name, EmailAddress: email },
                ...(phone !== null && phones(phone)),
              })),
            ),
          people: async () =>
            sorted(
              (await contacts()).map((one) => {
                const phone = (one['Phones'] as readonly WireObject[]).find(({ PhoneType }) => PhoneType === 'DEFAULT');
                return {
                  ...{ name: String(one['Name']), email: (one['EmailAddress'] as string | undefined) ?? null },
                  phone: (phone?.['PhoneNumber'] as string) || null,
                };
              }),
            ),
          async rephone(email, phone) {
            const one = (await contacts()).find(({ EmailAddress }) => EmailAddress === email);
            return write('POST', [{ ContactID: one?.['ContactID'], ...phones(phone) }]);
          },
        },
      };
    },
  };
}
