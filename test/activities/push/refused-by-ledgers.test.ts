import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SyncId } from '../../../contracts/ids.ts';
import { createMailchimpSyncWorld } from './mailchimp-world.ts';
import type { MailchimpSyncWorld, MailchimpVenue } from './mailchimp-world.ts';
import { createQuickBooksSyncWorld } from './quickbooks-world.ts';
import type { QuickBooksSyncWorld, QuickBooksVenue } from './quickbooks-world.ts';
import { later } from '../../support/later.ts';

describe('customers that QuickBooks refuses', () => {
  let world: QuickBooksSyncWorld;
  let venue: QuickBooksVenue;
  beforeAll(async () => {
    world = await createQuickBooksSyncWorld();
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    venue = await world.aQuickBooksVenue();
  });

  const load = (...customers: readonly object[]) =>
    world.customers.upsertMany(
      venue.venueId,
      customers.map((one, index) => ({ sourceId: `c-${index}`, ...one })) as never,
    );
  const push = () => world.sync(venue, 'push', 'full', { resource: 'customers' });
  const rejected = async (syncId: SyncId) =>
    (await world.logOf(venue, syncId)).filter(({ action }) => action === 'rejected');

  it('have their reason in the run’s log, without the name or the address, and hold up no other', async () => {
    await venue.company.write('vendor', { DisplayName: 'Taken' });
    await load({ name: 'Taken' }, { name: 'Eve', email: 'eve@nowhere' }, { name: 'Ada' });
    const run = await push();
    expect(run).toMatchObject({ outcome: 'completed-with-rejections', counts: { created: 1, rejected: 2 } });
    const log = await rejected(run.syncId);
    expect(log.map(({ sourceId, code }) => [sourceId, code]).sort()).toEqual([
      ['c-0', '6240'],
      ['c-1', '2210'],
    ]);
    for (const { message } of log) expect(message ?? '').not.toMatch(/Taken|nowhere/);
  });

  it('are named before any call for a colon, and written with quotes, dashes and backslashes', async () => {
    const names = ["O'Neil", 'Say "hi"', 'dash – dash', 'back\\slash', "\\'; select"];
    await load(...names.map((name) => ({ name })), { name: 'Ada: sub' });
    const run = await push();
    expect(run.counts).toMatchObject({ created: names.length, rejected: 1 });
    expect(await rejected(run.syncId)).toMatchObject([{ code: 'not-mappable', sourceId: `c-${names.length}` }]);
    expect((await venue.company.objects('Customer')).map(({ DisplayName }) => DisplayName).sort()).toEqual(
      names.sort(),
    );
    // Each is found again by its name.
    expect((await push()).counts).toMatchObject({ created: 0, updated: 0, unchanged: names.length });
  });
});

describe('customers that Mailchimp does not take', () => {
  let world: MailchimpSyncWorld;
  let venue: MailchimpVenue;
  beforeAll(async () => {
    world = await createMailchimpSyncWorld();
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    venue = await world.aMailchimpVenue();
  });

  const push = () => world.sync(venue, 'push', 'full', { resource: 'customers' });
  const told = async (syncId: SyncId, action: string) =>
    (await world.logOf(venue, syncId)).filter((entry) => entry.action === action);

  it('as an address that is none have their reason in the run’s log, without the address', async () => {
    await world.load(venue, 2, (index) => ({ name: 'Ada', email: index === 0 ? 'nobody@nowhere' : 'ada@example.com' }));
    const run = await push();
    expect(run.counts).toMatchObject({ created: 1, rejected: 1 });
    const [entry] = await told(run.syncId, 'rejected');
    expect(entry).toMatchObject({ sourceId: 'c-0', code: expect.stringMatching(/^address-/) as string });
    expect(entry?.message ?? '').not.toContain('nowhere');
  });

  it.each(['unsubscribe', 'bounce'] as const)(
    'as subscribers again after %s keep their refusal, which the run’s log notes',
    async (act) => {
      await world.load(venue, 1, () => ({ name: 'Ada', email: 'ada@example.com', marketingConsent: true }));
      await push();
      const [member] = await venue.account.objects<{ readonly contact_id: string }>('members');
      await venue.account.act({ act, member: member?.contact_id });
      // The venue has heard of it, and says the contrary.
      await world.sync(venue, 'pull', 'full', { resource: 'customers' });
      await world.load(venue, 1, () => ({ name: 'Ada Byron', email: 'ada@example.com', marketingConsent: true }));
      const run = await push();
      expect(run.counts).toMatchObject({ updated: 1, rejected: 0 });
      expect(await told(run.syncId, 'updated')).toMatchObject([{ level: 'warn', code: 'consent-kept' }]);
      expect(await told(run.syncId, 'note')).toEqual([]);
      expect(await venue.account.objects('members')).toMatchObject([
        { status: act === 'bounce' ? 'cleaned' : 'unsubscribed' },
      ]);
    },
  );
});

describe('members whose address lacks a part', () => {
  it('have one line each in the run’s log, which says what was not sent', async () => {
    const world = await createMailchimpSyncWorld();
    later(() => world.close());
    const venue = await world.aMailchimpVenue();
    const address = { line1: '1 High Street', line2: null, city: 'London', region: null, postalCode: 'N1 1AA' };
    await world.load(venue, 3, (index) => ({
      ...{ name: `Ada ${index}`, email: `ada-${index}@example.com` },
      address: { ...address, country: 'GB' },
    }));
    const run = await world.sync(venue, 'push', 'full', { resource: 'customers' });
    expect(run.counts).toMatchObject({ created: 3, rejected: 0 });
    const log = await world.logOf(venue, run.syncId);
    expect(log.map(({ level, action, code }) => [level, action, code])).toEqual(
      Array.from({ length: 3 }, () => ['warn', 'created', 'address-incomplete']),
    );
  });
});
