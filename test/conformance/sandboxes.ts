import type { ProviderId, Resource } from '../../contracts/providers.ts';
import { startMailchimpSandbox } from '../../sandbox/mailchimp/mailchimp-sandbox.ts';
import { startQuickBooksSandbox } from '../../sandbox/quickbooks/quickbooks-sandbox.ts';
import { startSquareSandbox } from '../../sandbox/square/square-sandbox.ts';
import { startStripeSandbox } from '../../sandbox/stripe/stripe-sandbox.ts';
import { Secret } from '../../vault/secret.ts';
import { sandboxControl } from '../support/sandbox/sandbox-control.ts';
import { mailchimpSandboxControl } from '../support/sandbox/mailchimp-account.ts';
import { quickbooksSandboxControl } from '../support/sandbox/quickbooks-company.ts';
import { squareSandboxControl } from '../support/sandbox/square-merchant.ts';
import { TROUBLE } from './running-sandbox.ts';
import type { RunningSandbox } from './running-sandbox.ts';
import { startXero } from './xero-stand-in.ts';

export type { RunningSandbox, Trouble } from './running-sandbox.ts';

/** The list that a resource's records are created in and counted by. */
const STRIPE_LISTS: Readonly<Partial<Record<Resource, { readonly list: string; readonly unknownId: string }>>> = {
  customers: { list: 'customers', unknownId: 'cus_nobody' },
  products: { list: 'products', unknownId: 'prod_nothing' },
  transactions: { list: 'charges', unknownId: 'ch_nothing' },
  invoices: { list: 'invoices', unknownId: 'in_nothing' },
};

async function startStripe(): Promise<RunningSandbox> {
  const sandbox = await startStripeSandbox({ limits: { requestsPerSecond: 0, searchDelayMs: 0 } });
  const control = sandboxControl(sandbox.controlUrl);
  const accounts = (await (await fetch(`${sandbox.controlUrl}/accounts`)).json()) as {
    readonly data: readonly { readonly restrictedKey: string }[];
  };
  let foreign = 0;
  const listOf = (resource: Resource) => {
    const found = STRIPE_LISTS[resource];
    if (!found) throw new Error(`stripe has no ${resource}`);
    return found;
  };
  const ids = async (resource: Resource) => {
    const state = (await (await fetch(`${sandbox.controlUrl}/state/${listOf(resource).list}`)).json()) as {
      readonly data: readonly { readonly id: string }[];
    };
    return state.data.map(({ id }) => id);
  };
  return {
    config: { stripe: { apiUrl: sandbox.apiUrl, requestsPerSecond: 1_000 } },
    secretKey: new Secret(sandbox.secretKey),
    restrictedKey: new Secret(accounts.data[0]?.restrictedKey ?? ''),
    unknownKey: new Secret('sk_test_nobodyKnowsThisOne'),
    feedTellsDeletionsOf: ['customers', 'products'],
    keepsFailures: true,
    carriesOurId: () => true,
    restrictedKind: 'rejected',
    extraCalls: { account: 0, first: {}, firstWrite: {}, listing: {} },
    async reset() {
      await control.reset();
      await control.limits({ requestsPerSecond: 0, searchDelayMs: 0 });
      foreign = 0;
    },
    async seed(resource, count) {
      await control.seed({ resource: listOf(resource).list, count });
      return ids(resource);
    },
    async remove(resource, externalId) {
      foreign += 1;
      const response = await fetch(`${sandbox.apiUrl}/v1/${listOf(resource).list}/${externalId}`, {
        method: 'DELETE',
        headers: { authorization: `Bearer ${sandbox.secretKey}` },
      });
      if (!response.ok) throw new Error(`${externalId} was not removed: ${response.status}`);
    },
    unknownId: (resource) => listOf(resource).unknownId,
    async trouble(kind, times) {
      await control.fault({ ...TROUBLE[kind], times });
    },
    ids,
    // Stripe's own ledger: every change makes an event.
    async sideEffects() {
      const response = await fetch(`${sandbox.controlUrl}/state/events`);
      return ((await response.json()) as { readonly data: readonly object[] }).data;
    },
    requests: async () => (await control.calls()).length - foreign,
    close: () => sandbox.close(),
  };
}

/** The stand-in's objects that become the records of a resource. */
const SQUARE_KINDS: Readonly<Partial<Record<Resource, { readonly kind: string; readonly type?: string }>>> = {
  customers: { kind: 'customers' },
  products: { kind: 'catalogue', type: 'ITEM_VARIATION' },
  inventory: { kind: 'counts' },
  transactions: { kind: 'payments' },
  invoices: { kind: 'invoices' },
};

const externalIdOf = ({ id, catalog_object_id: object, location_id: location }: Readonly<Record<string, string>>) =>
  id ?? `${object}:${location}`;

async function startSquare(): Promise<RunningSandbox> {
  const sandbox = await startSquareSandbox();
  const control = squareSandboxControl(sandbox);
  const [merchant] = await control.merchants();
  if (!merchant) throw new Error('a stand-in Square has merchants from the start');
  let foreign = 0;
  let restricted = '';
  const kindOf = (resource: Resource) => {
    const kind = SQUARE_KINDS[resource];
    if (kind === undefined) throw new Error(`square has no ${resource}`);
    return kind;
  };
  const ids = async (resource: Resource) => {
    const { kind, type } = kindOf(resource);
    const objects = await merchant.objects<Readonly<Record<string, string>>>(kind);
    return objects.filter((object) => object['type'] === type && !object['is_deleted']).map(externalIdOf);
  };
  return {
    config: { square: { apiUrl: sandbox.apiUrl, sandbox: true } },
    secretKey: new Secret(merchant.token),
    get restrictedKey() {
      return new Secret(restricted);
    },
    unknownKey: new Secret('EAAAEnobodyKnowsThisOne'),
    feedTellsDeletionsOf: ['products'],
    keepsFailures: false,
    carriesOurId: () => true,
    restrictedKind: 'rejected',
    // The merchant's name; the locations, each of which has lists of its own; whether there is a loyalty programme.
    extraCalls: {
      account: 1,
      first: { payments: 1, 'changed-payments': 1, invoices: 1 },
      // Whether the attribute with our reference is defined, and its definition.
      firstWrite: { products: 2 },
      listing: { transactions: 1, invoices: 1, customers: 1 },
    },
    async reset() {
      await control.reset();
      // A reset ends every grant.
      restricted = await control.tokenFor(merchant.id, 'MERCHANT_PROFILE_READ');
      foreign = (await control.calls()).length;
    },
    async seed(resource, count) {
      await merchant.seed(kindOf(resource).kind, count);
      return ids(resource);
    },
    async remove(resource, externalId) {
      foreign += 1;
      if (resource === 'customers') await merchant.client.customers.delete({ customerId: externalId });
      else await merchant.client.catalog.object.delete({ objectId: externalId.split(':')[0] ?? '' });
    },
    unknownId: (resource) =>
      resource === 'inventory' ? 'NOTHING0000000000000000A:NOWHERE' : 'NOTHING0000000000000000A',
    async trouble(kind, times) {
      // A call that only prepares a write has nothing to commit.
      const match =
        kind === 'reset-after-commit' ? { path: '/v2/[a-z]+/(batch-upsert|bulk-create|changes/batch-create)' } : {};
      await control.fault({ ...TROUBLE[kind], match, times });
    },
    ids,
    sideEffects: () => merchant.objects('side-effects'),
    requests: async () => (await control.calls()).length - foreign,
    close: () => sandbox.close(),
  };
}

/** The entities that become the records of a resource. */
const QUICKBOOKS_ENTITIES: Readonly<Partial<Record<Resource, string>>> = {
  customers: 'Customer',
  products: 'Item',
  inventory: 'Item',
  transactions: 'Payment',
  invoices: 'Invoice',
};

async function startQuickBooks(): Promise<RunningSandbox> {
  const sandbox = await startQuickBooksSandbox();
  const control = quickbooksSandboxControl(sandbox);
  let [company] = await control.companies();
  let foreign = 0;
  let restricted = '';
  const entityOf = (resource: Resource) => {
    const entity = QUICKBOOKS_ENTITIES[resource];
    if (entity === undefined) throw new Error(`quickbooks has no ${resource}`);
    return entity;
  };
  const present = () => {
    if (!company) throw new Error('a stand-in QuickBooks has companies from the start');
    return company;
  };
  const externalIdOf = (resource: Resource, id: string) => (resource === 'transactions' ? `Payment:${id}` : id);
  const ids = async (resource: Resource) => {
    const objects = await present().objects<{ readonly Id: string; readonly Active?: boolean }>(entityOf(resource));
    return objects
      .filter(({ Active: isActive }) => resource !== 'customers' || isActive !== false)
      .map(({ Id }) => externalIdOf(resource, Id));
  };
  return {
    config: { quickbooks: { apiUrl: sandbox.apiUrl, sandbox: true } },
    get secretKey() {
      return new Secret(present().token);
    },
    get onBehalfOf() {
      return present().id;
    },
    get restrictedKey() {
      return new Secret(restricted);
    },
    // QuickBooks knows one scope for everything: without it the owner has to approve once more.
    restrictedKind: 'needs-reauth',
    unknownKey: new Secret('eyJlbmMiOiJnobodyKnowsThisOne'),
    feedTellsDeletionsOf: ['customers', 'products', 'transactions', 'invoices'],
    keepsFailures: false,
    carriesOurId: () => false,
    hasUniqueNames: true,
    neededFields: (resource) => (resource === 'invoices' ? ['customerSourceId', 'lines'] : ['name']),
    fillsIn: (resource) => (resource === 'invoices' ? ['number', 'issuedAt', 'dueAt'] : []),
    // The company's currency, and for a new item its income account.
    // Before a new invoice the company, whose country tells the tax codes, and its currencies.
    extraCalls: { account: 0, first: {}, firstWrite: { products: 2, invoices: 2 }, listing: { products: 1 } },
    async reset() {
      await control.reset();
      // A reset ends every grant.
      [company] = await control.companies();
      restricted = await control.tokenFor(present().id, 'openid');
      foreign = (await control.calls()).length;
    },
    async prepare(resource) {
      if (resource !== 'invoices') return {};
      const [customer = ''] = await present().seed('Customer', 1);
      const [product = ''] = await present().seed('Item', 1);
      return { customers: { 'customer-1': customer }, products: { 'product-1': product } };
    },
    async seed(resource, count) {
      await present().seed(entityOf(resource), count);
      return ids(resource);
    },
    async remove(resource, externalId) {
      await present().vanish(entityOf(resource), externalId.split(':').at(-1) ?? '');
    },
    unknownId: (resource) => externalIdOf(resource, '99999999'),
    async trouble(kind, times) {
      // A call that only prepares a write has nothing to commit.
      const match = kind === 'reset-after-commit' ? { path: '/v3/company/\\d+/batch' } : {};
      await control.fault({ ...TROUBLE[kind], match, times });
    },
    ids,
    sideEffects: () => present().objects('side-effects'),
    requests: async () => (await control.calls()).length - foreign,
    close: () => sandbox.close(),
  };
}

async function startMailchimp(): Promise<RunningSandbox> {
  const sandbox = await startMailchimpSandbox();
  const control = mailchimpSandboxControl(sandbox);
  let [account] = await control.accounts();
  let foreign = 0;
  const present = () => {
    if (!account) throw new Error('a stand-in Mailchimp has accounts from the start');
    return account;
  };
  const ids = async () => {
    const members = await present().objects<{ readonly contact_id: string; readonly status: string }>('members');
    return members.filter(({ status }) => status !== 'archived').map(({ contact_id: id }) => id);
  };
  return {
    config: { mailchimp: { apiUrl: sandbox.apiUrl } },
    get secretKey() {
      return new Secret(present().apiKey);
    },
    get accounts() {
      return [present().list];
    },
    environment: 'production',
    get restrictedKey() {
      return new Secret(present().viewerKey);
    },
    restrictedKind: 'needs-reauth',
    unknownKey: new Secret('0123456789abcdef0123456789abcdef-us1'),
    feedTellsDeletionsOf: [],
    keepsFailures: false,
    carriesOurId: () => false,
    hasUniqueNames: true,
    neededFields: () => ['email'],
    extraCalls: { account: 0, first: {}, firstWrite: {}, listing: {} },
    async reset() {
      await control.reset();
      [account] = await control.accounts();
      foreign = (await control.calls()).length;
    },
    async seed(_, count) {
      await present().seed('members', count);
      return ids();
    },
    // Without a trace: Mailchimp remembers a deleted address, and no client adds it again.
    async remove(_, externalId) {
      await present().vanish('members', externalId);
    },
    unknownId: () => 'f'.repeat(32),
    async trouble(kind, times) {
      const match = kind === 'reset-after-commit' ? { method: 'POST' } : {};
      await control.fault({ ...TROUBLE[kind], match, times });
    },
    ids,
    sideEffects: () => present().objects('side-effects'),
    requests: async () => (await control.calls()).length - foreign,
    close: () => sandbox.close(),
  };
}

/** One stand-in per provider. A new adapter joins the suite by adding its own here. */
export const SANDBOXES: Readonly<Partial<Record<ProviderId, () => Promise<RunningSandbox>>>> = {
  stripe: startStripe,
  square: startSquare,
  quickbooks: startQuickBooks,
  mailchimp: startMailchimp,
  xero: startXero,
};
