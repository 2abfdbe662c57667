import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createQuickBooksSyncWorld } from './quickbooks-world.ts';
import type { QuickBooksSyncWorld, QuickBooksVenue } from './quickbooks-world.ts';
import { createXeroSyncWorld } from './xero-world.ts';
import type { XeroSyncWorld, XeroVenue } from './xero-world.ts';

type Wire = Readonly<Record<string, string>>;
const name = (text: string) => [{ sourceId: 'c-0', name: text }] as never;

describe('a customer whose name QuickBooks has refused', () => {
  let world: QuickBooksSyncWorld;
  let venue: QuickBooksVenue;
  beforeAll(async () => {
    world = await createQuickBooksSyncWorld();
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    venue = await world.aQuickBooksVenue();
  });

  const load = (text: string) => world.customers.upsertMany(venue.venueId, name(text));
  const push = async () => (await world.sync(venue, 'push', 'full', { resource: 'customers' })).counts;
  /** A vendor with a name, which a person then gives another. */
  const aVendor = (text: string) => venue.company.write('vendor', { DisplayName: text });
  async function rename(text: string): Promise<void> {
    const vendors = await venue.company.objects<Wire>('Vendor');
    const { Id, SyncToken } = vendors.find(({ DisplayName }) => DisplayName === text) ?? {};
    await venue.company.write('vendor', { Id, SyncToken, sparse: true, DisplayName: `${text} Ltd` });
  }

  it('is created once the name is free, although QuickBooks answers a repeated requestid as before', async () => {
    await aVendor('Taken');
    await load('Taken');
    // Twice: what is refused alone is sent in the same company again.
    for (let run = 0; run < 2; run += 1) expect(await push()).toMatchObject({ created: 0, rejected: 1 });
    await rename('Taken');
    expect(await push()).toMatchObject({ created: 1, rejected: 0 });
    expect(await push()).toMatchObject({ created: 0, unchanged: 1 });
    expect(await venue.company.objects('Customer')).toMatchObject([{ DisplayName: 'Taken' }]);
  });

  it('is renamed once the name is free', async () => {
    await load('Ada');
    await push();
    await aVendor('Taken');
    await load('Taken');
    for (let run = 0; run < 2; run += 1) expect(await push()).toMatchObject({ updated: 0, rejected: 1 });
    await rename('Taken');
    expect(await push()).toMatchObject({ updated: 1, rejected: 0 });
    expect(await venue.company.objects('Customer')).toMatchObject([{ DisplayName: 'Taken' }]);
  });

  it('is created once where the answer to the creation after the refusal is lost', async () => {
    await aVendor('Taken');
    await load('Taken');
    await push();
    await rename('Taken');
    await world.quickbooks.fault({ kind: 'commit-then-fail', match: { path: '/v3/company/\\d+/batch' }, times: 1 });
    const input = await world.open(venue, 'push', 'full', { resource: 'customers' });
    await world.begin(input);
    await expect(world.chunk(input)).rejects.toMatchObject({ type: 'ProviderUnavailable' });
    while ((await world.chunk(input)).status === 'more');
    expect((await world.finish(input)).counts).toMatchObject({ created: 1, rejected: 0 });
    expect(await venue.company.objects('Customer')).toHaveLength(1);
  });
});

describe('a contact whose name Xero has refused', () => {
  let world: XeroSyncWorld;
  let venue: XeroVenue;
  beforeAll(async () => {
    world = await createXeroSyncWorld();
    venue = await world.aXeroVenue();
  });
  afterAll(() => world.close());

  it('is created once the name is free, although Xero keeps its refusal for six minutes', async () => {
    const { organisation, venueId } = venue;
    const contacts = (method: string, contact: object) =>
      organisation.ask(method, 'Contacts', { body: { Contacts: [contact] } });
    await contacts('PUT', { Name: 'Taken' });
    await world.customers.upsertMany(venueId, name('Taken'));
    const push = async () => (await world.sync(venue, 'push', 'full', { resource: 'customers' })).counts;
    expect(await push()).toMatchObject({ created: 0, rejected: 1 });
    const [other] = await organisation.objects<Wire>('Contacts');
    await contacts('POST', { ContactID: other?.['ContactID'], Name: 'Other' });
    expect(await push()).toMatchObject({ created: 1, rejected: 0 });
    expect((await organisation.objects<Wire>('Contacts')).map(({ Name }) => Name).sort()).toEqual(['Other', 'Taken']);
  });
});
