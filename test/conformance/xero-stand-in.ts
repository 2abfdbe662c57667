import type { Resource } from '../../contracts/providers.ts';
import { startXeroSandbox } from '../../sandbox/xero/xero-sandbox.ts';
import { Secret } from '../../vault/secret.ts';
import { xeroSandboxControl } from '../support/sandbox/xero-organisation.ts';
import { TROUBLE } from './running-sandbox.ts';
import type { RunningSandbox } from './running-sandbox.ts';

/** The collections that hold the records of a resource. */
const XERO_COLLECTIONS: Readonly<Partial<Record<Resource, string>>> = {
  customers: 'Contacts',
  products: 'Items',
  transactions: 'Payments',
  invoices: 'Invoices',
};

export async function startXero(): Promise<RunningSandbox> {
  const sandbox = await startXeroSandbox();
  const control = xeroSandboxControl(sandbox);
  let [organisation] = await control.organisations();
  let foreign = 0;
  let restricted = '';
  const collectionOf = (resource: Resource) => {
    const collection = XERO_COLLECTIONS[resource];
    if (collection === undefined) throw new Error(`xero has no ${resource}`);
    return collection;
  };
  const present = () => {
    if (!organisation) throw new Error('a stand-in Xero has organisations from the start');
    return organisation;
  };
  const externalIdOf = (resource: Resource, id: string) => (resource === 'transactions' ? `Payments:${id}` : id);
  const ids = async (resource: Resource) => {
    const collection = collectionOf(resource);
    const objects = await present().objects<Readonly<Record<string, string>>>(collection);
    return objects
      .filter((object) => resource !== 'customers' || object['ContactStatus'] === 'ACTIVE')
      .filter((object) => resource !== 'invoices' || object['Status'] !== 'DELETED')
      .map((object) => externalIdOf(resource, object[`${collection.slice(0, -1)}ID`] ?? ''));
  };
  return {
    config: { xero: { apiUrl: sandbox.apiUrl } },
    get secretKey() {
      return new Secret(present().token);
    },
    get onBehalfOf() {
      return present().id;
    },
    get restrictedKey() {
      return new Secret(restricted);
    },
    // A scope that the consent lacks is a 401: the owner has to approve once more.
    ...{ restrictedKind: 'needs-reauth', restrictedStatus: 401, environment: 'production' },
    unknownKey: new Secret('eyJhbGciOiJSUzI1NiJ9.nobodyKnowsThisOne.x'),
    feedTellsDeletionsOf: ['customers', 'invoices'],
    // It keeps them, and does not say when it answers one again (test/activities/push/xero-kept-failures.test.ts).
    keepsFailures: false,
    carriesOurId: (resource) => resource === 'customers',
    hasUniqueNames: true,
    // A voided invoice stays void.
    bringsBack: (resource) => resource !== 'invoices',
    neededFields: (resource) => (resource === 'invoices' ? ['number', 'customerSourceId', 'dueAt', 'lines'] : ['name']),
    fillsIn: (resource) => (resource === 'invoices' ? ['issuedAt'] : []),
    // The organisation’s currency; for a new invoice its items.
    extraCalls: { account: 0, first: {}, firstWrite: { products: 1, invoices: 1 }, listing: { products: 1 } },
    async reset() {
      await control.reset();
      // A reset ends every grant.
      [organisation] = await control.organisations();
      restricted = await control.tokenFor(present().id, 'offline_access accounting.attachments');
      foreign = (await control.calls()).length;
    },
    async prepare(resource) {
      if (resource !== 'invoices') return {};
      const [customer = ''] = await present().seed('Contacts', 1);
      const [product = ''] = await present().seed('Items', 1);
      return { customers: { 'customer-1': customer }, products: { 'product-1': product } };
    },
    async seed(resource, count) {
      await present().seed(collectionOf(resource), count);
      return ids(resource);
    },
    async remove(resource, externalId) {
      await present().vanish(collectionOf(resource), externalId.split(':').at(-1) ?? '');
    },
    unknownId: (resource) => externalIdOf(resource, '00000000-0000-4000-8000-000000000000'),
    async trouble(kind, times) {
      // A call that only prepares a write has nothing to commit.
      const match = kind === 'reset-after-commit' ? { path: '/api.xro/2.0/[A-Z][A-Za-z]+', method: 'PUT' } : {};
      await control.fault({ ...TROUBLE[kind], match, times });
    },
    ids,
    sideEffects: () => present().objects('side-effects'),
    requests: async () => (await control.calls()).length - foreign,
    close: () => sandbox.close(),
  };
}
