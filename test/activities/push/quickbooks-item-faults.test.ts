import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startQuickBooksSandbox } from '../../../sandbox/quickbooks/quickbooks-sandbox.ts';
import type { QuickBooksSandbox } from '../../../sandbox/quickbooks/quickbooks-sandbox.ts';
import { startAnswerEditingProxy } from '../../support/sandbox/answer-editing-proxy.ts';
import type { AnswerEditingProxy, ProxiedAnswer } from '../../support/sandbox/answer-editing-proxy.ts';
import { quickbooksSandboxControl } from '../../support/sandbox/quickbooks-company.ts';
import type { QuickBooksCompany } from '../../support/sandbox/quickbooks-company.ts';
import { createUnpacedProviders } from '../../support/test-providers.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';

type Wire = Readonly<Record<string, string>>;
interface Answered {
  readonly BatchItemResponse: readonly Readonly<Record<string, unknown>>[];
}

let sandbox: QuickBooksSandbox;
let proxy: AnswerEditingProxy;
let world: Awaited<ReturnType<typeof createSyncWorld>>;
let company: QuickBooksCompany;
let venue: TestVenue;

beforeAll(async () => {
  sandbox = await startQuickBooksSandbox();
  proxy = await startAnswerEditingProxy(sandbox.apiUrl);
  world = await createSyncWorld({
    provider: 'quickbooks',
    providersOn(budget) {
      const providers = createUnpacedProviders({ quickbooks: { apiUrl: proxy.url, sandbox: true } }, budget);
      return {
        ...providers,
        open: (provider, options) => providers.open(provider, { ...options, onBehalfOf: company.id }),
      };
    },
  });
});
afterAll(async () => {
  await proxy.close();
  await sandbox.close();
  await world.close();
});
beforeEach(async () => {
  proxy.edit(null);
  company = await quickbooksSandboxControl(sandbox).addCompany();
  const { venueId } = await world.aVenue('unused');
  venue = await world.connect(venueId, { secretKey: company.token, id: company.id, environment: 'sandbox' });
});

const load = (...names: readonly string[]) =>
  world.customers.upsertMany(venue.venueId, names.map((name, index) => ({ sourceId: `c-${index}`, name })) as never);
const push = async () => (await world.sync(venue, 'push', 'full', { resource: 'customers' })).counts;
const names = async () =>
  (await company.objects<Wire>('Customer'))
    .filter(({ Active }) => String(Active) !== 'false')
    .map(({ DisplayName }) => DisplayName)
    .sort();

/** Puts a fault in place of the second item of the first batch, and of whatever repeats its requestid. */
function failSecondItem(type: string, code: string, { undo }: { readonly undo: boolean }): void {
  let struck: string | null = null;
  const isBatch = ({ path }: ProxiedAnswer) => path.endsWith('/batch');
  proxy.edit(async (answer) => {
    if (!isBatch(answer)) return;
    const key = answer.query.get('requestid');
    const isFirst = struck === null;
    struck ??= key;
    if (struck !== key) return;
    const { BatchItemResponse: items } = answer.body as Answered;
    const made = items[1]?.['Customer'] as Wire | undefined;
    const fault = { bId: '1', Fault: { Error: [{ Message: 'x', code }], type } };
    answer.body = { BatchItemResponse: items.map((item, index) => (index === 1 ? fault : item)) };
    if (isFirst && undo && made)
      await company.write('customer', { Id: made['Id'], SyncToken: made['SyncToken'], sparse: true, Active: false });
  });
}

describe('an item of a batch that QuickBooks could not carry out for now', () => {
  it.each([
    ['was not made', 'SystemFault', '10000', true],
    ['was not made for a throttle', 'THROTTLE', '3001', true],
    ['was made all the same', 'SystemFault', '10000', false],
  ] as const)(
    'and that %s is there once, by a call that its requestid does not answer again',
    async (_, type, code, undo) => {
      await load('Ada', 'Bea', 'Cid');
      failSecondItem(type, code, { undo });
      expect(await push()).toMatchObject({ created: 3, rejected: 0 });
      expect(await names()).toEqual(['Ada', 'Bea', 'Cid']);
      expect(await push()).toMatchObject({ created: 0, updated: 0, unchanged: 3 });
    },
  );

  it('is updated by another call', async () => {
    await load('Ada', 'Bea');
    await push();
    failSecondItem('SystemFault', '10000', { undo: false });
    await load('Ada L.', 'Bea L.');
    expect(await push()).toMatchObject({ updated: 2, rejected: 0 });
    expect(await names()).toEqual(['Ada L.', 'Bea L.']);
  });
});
