import type { ProviderId, Resource } from '../../contracts/providers.ts';
import { startMailchimpSandbox } from '../../sandbox/mailchimp/mailchimp-sandbox.ts';
import { startQuickBooksSandbox } from '../../sandbox/quickbooks/quickbooks-sandbox.ts';
import { startSquareSandbox } from '../../sandbox/square/square-sandbox.ts';
import { startStripeSandbox } from '../../sandbox/stripe/stripe-sandbox.ts';
import { startXeroSandbox } from '../../sandbox/xero/xero-sandbox.ts';
import { mailchimpSandboxControl } from '../support/sandbox/mailchimp-account.ts';
import { quickbooksSandboxControl } from '../support/sandbox/quickbooks-company.ts';
import type { SandboxCall } from '../support/sandbox/sandbox-control.ts';
import { squareSandboxControl } from '../support/sandbox/square-merchant.ts';
import { stripeSandboxOf } from '../support/sandbox/stripe-account.ts';
import { xeroSandboxControl } from '../support/sandbox/xero-organisation.ts';
import type { XeroOrganisation } from '../support/sandbox/xero-organisation.ts';
import type { TestSettings } from '../support/test-providers.ts';
import { mailchimpPeople, quickbooksPeople, squarePeople, stripePeople, xeroPeople } from './two-way-people.ts';
import type { PeopleOfAccount } from './two-way-people.ts';

/** One account at a provider's stand-in, as the tests of two-way runs use it. */
export interface TwoWayAccount {
  readonly secretKey: string;
  /** The account that the key acts for, where the key does not tell it. */
  readonly onBehalfOf?: string;
  /** Where stock is counted; null where the provider counts none. */
  readonly location: string | null;
  readonly people: PeopleOfAccount;
  /** Creates objects as another client would, and returns the ids of their records. */
  seed(resource: Resource, count: number): Promise<readonly string[]>;
  /** Creates an object under an id that other accounts use too. */
  putTwin(resource: Resource): Promise<unknown>;
  /** Deletes an object for good, as another client would. */
  remove(resource: Resource, externalId: string): Promise<unknown>;
  calls(): Promise<readonly SandboxCall[]>;
  /** What writes have caused beside the object that was written. */
  sideEffects(): Promise<readonly object[]>;
  fault(fault: {
    readonly match?: object;
    readonly kind: string;
    readonly [setting: string]: unknown;
  }): Promise<unknown>;
}

export interface TwoWayStandIn {
  readonly config: TestSettings;
  addAccount(): Promise<TwoWayAccount>;
  /** Lets the provider's clock go on, so that what follows is later than what was. */
  tick(): Promise<unknown>;
  clearFaults(): Promise<unknown>;
  /** The code of the refusal of a page whose cursor has expired; null where cursors do not expire. */
  readonly expiredCursor: string | null;
  /** Most objects of a page of a list. */
  readonly pageSize: number;
  /** Paths of calls that create, and of those that update. */
  readonly writes: Readonly<Record<'create' | 'update', string>>;
  /** The method of calls that create; POST by default. */
  readonly createMethod?: string;
  close(): Promise<void>;
}

async function startStripe(): Promise<TwoWayStandIn> {
  const sandbox = await startStripeSandbox({ limits: { requestsPerSecond: 0, searchDelayMs: 0 } });
  const control = stripeSandboxOf(sandbox);
  let aheadMs = 0;
  return {
    config: { stripe: { apiUrl: sandbox.apiUrl, requestsPerSecond: 2_000 } },
    tick: () => control.clock((aheadMs += 2_000)),
    clearFaults: () => control.clearFaults(),
    expiredCursor: null,
    pageSize: 100,
    writes: { create: '/v1/(customers|products)', update: '/v1/(customers|products)/.+' },
    close: () => sandbox.close(),
    async addAccount() {
      const account = await control.addAccount();
      return {
        secretKey: account.secretKey,
        people: stripePeople(account),
        location: null,
        async seed(resource, count) {
          await account.put(
            resource,
            Array.from({ length: count }, (_, index) => ({ name: `Seeded ${index}` })),
          );
          return (await account.state<{ readonly id: string }>(resource)).map(({ id }) => id);
        },
        putTwin: (resource) => account.put(resource, [{ id: 'twin', name: 'A twin' }]),
        remove: (resource, externalId) => account.call('DELETE', `${resource}/${externalId}`),
        calls: () => account.calls(),
        sideEffects: () => account.state('events'),
        fault: (fault) => account.fault(fault),
      };
    },
  };
}

const SQUARE_KINDS: Readonly<Partial<Record<Resource, string>>> = {
  customers: 'customers',
  products: 'catalogue',
  inventory: 'counts',
};

async function startSquare(): Promise<TwoWayStandIn> {
  const sandbox = await startSquareSandbox();
  const control = squareSandboxControl(sandbox);
  let aheadMs = 0;
  return {
    config: { square: { apiUrl: sandbox.apiUrl, sandbox: true } },
    tick: () => control.clock((aheadMs += 2_000)),
    clearFaults: () => control.clearFaults(),
    expiredCursor: 'INVALID_CURSOR',
    pageSize: 100,
    writes: {
      create: '/v2/(catalog/batch-upsert|customers/bulk-create|inventory/changes/batch-create)',
      update: '/v2/(catalog/batch-upsert|customers/bulk-update|inventory/changes/batch-create)',
    },
    close: () => sandbox.close(),
    async addAccount() {
      const merchant = await control.addMerchant();
      const at = new Date().toISOString();
      return {
        secretKey: merchant.token,
        people: squarePeople(merchant),
        location: merchant.mainLocationId,
        seed: (resource, count) => merchant.seed(SQUARE_KINDS[resource] ?? resource, count),
        putTwin(resource) {
          const twin = { id: 'TWIN', updated_at: at, version: 1 };
          if (resource === 'customers')
            return merchant.put('customers', [{ ...twin, created_at: at, given_name: 'A', family_name: 'twin' }]);
          const item = { ...twin, type: 'ITEM', is_deleted: false, item_data: { name: 'A twin' } };
          const variation = {
            ...{ ...twin, id: 'TWINS', type: 'ITEM_VARIATION', is_deleted: false },
            item_variation_data: { item_id: 'TWIN', name: 'Regular', pricing_type: 'VARIABLE_PRICING' },
          };
          return merchant.put('catalogue', [item, variation]);
        },
        remove: (resource, externalId) =>
          resource === 'customers'
            ? merchant.client.customers.delete({ customerId: externalId })
            : merchant.client.catalog.object.delete({ objectId: externalId }),
        calls: () => merchant.calls(),
        sideEffects: () => merchant.objects('side-effects'),
        fault: (fault) => control.fault({ ...fault, match: { ...fault.match, account: merchant.id } }),
      };
    },
  };
}

const QUICKBOOKS_ENTITIES: Readonly<Partial<Record<Resource, string>>> = {
  customers: 'Customer',
  products: 'Item',
  invoices: 'Invoice',
};

async function startQuickBooks(): Promise<TwoWayStandIn> {
  const sandbox = await startQuickBooksSandbox();
  const control = quickbooksSandboxControl(sandbox);
  const batch = '/v3/company/\\d+/batch';
  let aheadMs = 0;
  return {
    config: { quickbooks: { apiUrl: sandbox.apiUrl, sandbox: true } },
    tick: () => control.clock((aheadMs += 2_000)),
    clearFaults: () => control.clearFaults(),
    expiredCursor: null,
    pageSize: 1_000,
    writes: { create: batch, update: batch },
    close: () => sandbox.close(),
    async addAccount() {
      const company = await control.addCompany();
      const entityOf = (resource: Resource) => QUICKBOOKS_ENTITIES[resource] ?? resource;
      return {
        secretKey: company.token,
        people: quickbooksPeople(company),
        onBehalfOf: company.id,
        location: null,
        seed: (resource, count) => company.seed(entityOf(resource), count),
        putTwin(resource) {
          const at = new Date().toISOString();
          const MetaData = { CreateTime: at, LastUpdatedTime: at };
          const twin = { Id: '5000', SyncToken: '0', Active: true, MetaData };
          // Names are unique in a company, and each twin is written to the other's company too.
          const name = `A twin of ${company.id}`;
          const detail = { ItemRef: { value: '1' } };
          const Line = [{ Id: '1', Amount: 5, DetailType: 'SalesItemLineDetail', SalesItemLineDetail: detail }];
          const twins: Readonly<Partial<Record<Resource, object>>> = {
            customers: { DisplayName: name },
            products: { Name: name, Type: 'Service', IncomeAccountRef: { value: '1' } },
            invoices: {
              ...{ DocNumber: `T-${company.id.slice(-6)}`, TxnDate: '2026-11-01', DueDate: '2026-12-01', Line },
              ...{ CustomerRef: { value: '1' }, CurrencyRef: { value: 'GBP' }, TotalAmt: 5, Balance: 5 },
              ...{ TxnTaxDetail: { TotalTax: 0 } },
            },
          };
          return company.put(entityOf(resource), [{ ...twin, ...twins[resource] }]);
        },
        // A customer is made inactive, which counts as deleted; an item is gone only after it was merged with another.
        async remove(resource, externalId) {
          if (resource !== 'customers') return company.vanish(entityOf(resource), externalId);
          const { body } = await company.ask('GET', `customer/${externalId}`);
          const { SyncToken } = body['Customer'] as { readonly SyncToken: string };
          return company.write('customer', { Id: externalId, SyncToken, sparse: true, Active: false });
        },
        calls: () => company.calls(),
        sideEffects: () => company.objects('side-effects'),
        fault: (fault) => control.fault({ ...fault, match: { ...fault.match, account: company.id } }),
      };
    },
  };
}

async function startMailchimp(): Promise<TwoWayStandIn> {
  const sandbox = await startMailchimpSandbox();
  const control = mailchimpSandboxControl(sandbox);
  const batch = '/3.0/lists/[^/]+';
  let aheadMs = 0;
  return {
    config: { mailchimp: { apiUrl: sandbox.apiUrl } },
    tick: () => control.clock((aheadMs += 2_000)),
    clearFaults: () => control.clearFaults(),
    expiredCursor: null,
    pageSize: 1_000,
    writes: { create: batch, update: batch },
    close: () => sandbox.close(),
    async addAccount() {
      const account = await control.addAccount();
      return {
        secretKey: account.apiKey,
        people: mailchimpPeople(account),
        location: null,
        seed: (_, count) => account.seed('members', count),
        // Addresses are unique in an audience, and each twin is written to the other's too.
        putTwin: () =>
          account.put('members', [
            {
              ...{ contact_id: 'a'.repeat(32), email_address: `twin@${account.list}.example.com` },
              merge_fields: { FNAME: 'A', LNAME: 'twin', ADDRESS: '', PHONE: '' },
            },
          ]),
        remove: (_, externalId) => account.ask('DELETE', `/members/${externalId}`),
        calls: () => account.calls(),
        sideEffects: () => account.objects('side-effects'),
        fault: (fault) => control.fault({ ...fault, match: { ...fault.match, account: account.id } }),
      };
    },
  };
}

const XERO_COLLECTIONS: Readonly<Partial<Record<Resource, string>>> = {
  customers: 'Contacts',
  products: 'Items',
  invoices: 'Invoices',
};

/** An invoice of the organisation’s first contact. */
async function invoiceTwin(
  organisation: XeroOrganisation,
  InvoiceID: string,
): Promise<Readonly<Record<string, unknown>>> {
  const [contact] = await organisation.objects('Contacts');
  const day = '/Date(1793491200000+0000)/';
  return {
    ...{ InvoiceID, Type: 'ACCREC', Status: 'AUTHORISED', InvoiceNumber: `T-${organisation.id.slice(0, 8)}` },
    ...{ Date: day, DueDate: day, Contact: { ContactID: contact?.['ContactID'] }, LineAmountTypes: 'Exclusive' },
    ...{ SubTotal: 5, TotalTax: 0, Total: 5, AmountDue: 5, AmountPaid: 0, AmountCredited: 0, CurrencyCode: 'GBP' },
    LineItems: [
      {
        ...{ LineItemID: InvoiceID, Description: 'Chai', Quantity: 1, UnitAmount: 5, LineAmount: 5, TaxAmount: 0 },
        AccountCode: '200',
      },
    ],
  };
}

async function startXero(): Promise<TwoWayStandIn> {
  const sandbox = await startXeroSandbox();
  const control = xeroSandboxControl(sandbox);
  let aheadMs = 0;
  return {
    config: { xero: { apiUrl: sandbox.apiUrl } },
    tick: () => control.clock((aheadMs += 2_000)),
    clearFaults: () => control.clearFaults(),
    expiredCursor: null,
    pageSize: 1_000,
    writes: { create: '/api.xro/2.0/(Contacts|Items|Invoices)', update: '/api.xro/2.0/(Contacts|Items|Invoices)' },
    createMethod: 'PUT',
    close: () => sandbox.close(),
    async addAccount() {
      const organisation = await control.addOrganisation();
      const collectionOf = (resource: Resource) => XERO_COLLECTIONS[resource] ?? resource;
      return {
        secretKey: organisation.token,
        people: xeroPeople(organisation),
        onBehalfOf: organisation.id,
        location: null,
        seed: (resource, count) => organisation.seed(collectionOf(resource), count),
        async putTwin(resource) {
          const id = '50000000-0000-4000-8000-000000000000';
          // Names and codes are unique in an organisation, and each twin is written to the other’s too.
          const name = `A twin of ${organisation.id.slice(0, 8)}`;
          const twins: Readonly<Partial<Record<Resource, Readonly<Record<string, unknown>>>>> = {
            customers: { ContactID: id, ContactStatus: 'ACTIVE', Name: name },
            products: { ItemID: id, Code: organisation.id.slice(0, 8), Name: name, IsSold: true },
          };
          return organisation.put(collectionOf(resource), [twins[resource] ?? (await invoiceTwin(organisation, id))]);
        },
        remove: (resource, externalId) => organisation.vanish(collectionOf(resource), externalId),
        calls: () => organisation.calls(),
        sideEffects: () => organisation.objects('side-effects'),
        fault: (fault) => control.fault({ ...fault, match: { ...fault.match, account: organisation.id } }),
      };
    },
  };
}

/** One stand-in for each provider that syncs a resource both ways. A new adapter joins by adding its own here. */
export const TWO_WAY_STAND_INS: Readonly<Partial<Record<ProviderId, () => Promise<TwoWayStandIn>>>> = {
  stripe: startStripe,
  square: startSquare,
  quickbooks: startQuickBooks,
  mailchimp: startMailchimp,
  xero: startXero,
};
