import { v7 as uuidv7 } from 'uuid';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { objectsOf } from '../../support/sandbox/answer-editing-proxy.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';

describe('fields of a provider’s objects that nobody knows', () => {
  let world: Awaited<ReturnType<typeof createSyncWorld>>;
  let venue: TestVenue;
  beforeAll(async () => {
    world = await createSyncWorld({ withProxy: true });
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    world.proxy.edit(null);
    await world.stripe.reset();
    await world.stripe.limits({ requestsPerSecond: 0 });
    venue = await world.aVenue();
  });

  type Resource = 'customers' | 'products' | 'transactions';
  const noted = (resource: Resource = 'customers', of = venue) => world.reach.unknownFields({ ...of, resource });
  const paths = async (resource?: Resource, of?: TestVenue) =>
    (await noted(resource, of)).map(({ path }) => path).sort();
  const seed = (resource: Resource | 'charges', ...records: readonly object[]) =>
    world.stripe.seed({ resource, records });
  /** Makes what was noted a day older. */
  const age = () =>
    world.database
      .admin`update unknown_fields set first_seen_at = first_seen_at - interval '1 day', last_seen_at = last_seen_at - interval '1 day'`;

  it('are noted by name once, without any value', async () => {
    await seed(
      'customers',
      { metadata: { tier: 'planted-7f3a', 'anna@example.com': 'planted-7f3a' } },
      { metadata: { tier: 'b' } },
    );
    await world.sync(venue, 'pull', 'full');
    expect(await noted()).toMatchObject([
      { path: 'metadata._', kind: 'custom-field' },
      { path: 'metadata.tier', kind: 'custom-field' },
    ]);
    const rows = await world.database.admin`select t::text as text from unknown_fields t`;
    expect(rows.filter(({ text }) => /planted-7f3a|anna/.test(String(text)))).toEqual([]);
  });

  it('keep when they were first seen, and when last', async () => {
    const tier = await world.callStripe('POST', 'customers', { 'metadata[tier]': 'a' });
    await world.callStripe('POST', 'customers', { 'metadata[gone]': 'a', name: 'G' });
    await world.sync(venue, 'pull', 'full');
    const [gone, before] = await noted();
    await age();
    // Later than what the change feed of the second pull tells of again.
    await world.stripe.clock(60_000);
    const emptied = (await world.stripe.customers<{ id: string; name: string | null }>()).find(
      ({ name }) => name === 'G',
    );
    await world.callStripe('POST', `customers/${emptied?.id}`, { 'metadata[gone]': '' });
    await world.callStripe('POST', `customers/${tier.id}`, { 'metadata[tier]': 'b' });
    await world.sync(venue, 'pull', 'full');
    await world.stripe.clock(0);
    const after = new Map((await noted()).map((field) => [field.path, field]));
    const day = 86_400_000;
    expect(after.get('metadata.tier')?.firstSeenAt.getTime()).toBe(before!.firstSeenAt.getTime() - day);
    expect(after.get('metadata.tier')?.lastSeenAt.getTime()).toBeGreaterThan(before!.lastSeenAt.getTime());
    expect(after.get('metadata.gone')?.lastSeenAt.getTime()).toBe(gone!.lastSeenAt.getTime() - day);
  });

  it('are noted by an incremental pull too, which reads events', async () => {
    const { id } = await world.callStripe('POST', 'customers', { name: 'A' });
    await world.sync(venue, 'pull', 'full');
    expect(await paths()).toEqual([]);
    await world.callStripe('POST', `customers/${id}`, { 'metadata[new_field]': 'a' });
    await world.sync(venue, 'pull', 'incremental');
    expect(await paths()).toEqual(['metadata.new_field']);
  });

  it('are noted of products, and for each resource and connection apart', async () => {
    const other = await world.aVenue();
    await seed('products', { name: 'Tea', metadata: { origin: 'x' } });
    await seed('customers', { metadata: { tier: 'x' } });
    for (const resource of ['products', 'customers'] as const) await world.sync(venue, 'pull', 'full', { resource });
    expect([await paths('products'), await paths('customers')]).toEqual([['metadata.origin'], ['metadata.tier']]);
    expect(await paths('customers', other)).toEqual([]);
  });

  it('do not include what Interlock itself has left at the provider', async () => {
    await world.load(venue, 2);
    await world.sync(venue, 'push', 'full');
    await world.sync(venue, 'pull', 'full');
    expect(await paths()).toEqual(['metadata.tier']);
  });

  it('are not noted of fields that the connection leaves out', async () => {
    const { venueId } = venue;
    await world.reach.change(
      { ...venue, resource: 'customers' },
      { excludedFields: ['metadata'], historyFrom: null },
      {
        ...{ venueId, actor: 'x', action: 'connection.reach-changed', targetType: 'connection', targetId: 'x' },
        ...{ outcome: 'ok', requestId: null },
      },
    );
    await seed('customers', { metadata: { tier: 'x' } });
    expect((await world.sync(venue, 'pull', 'full')).counts).toMatchObject({ created: 1 });
    expect(await paths()).toEqual([]);
  });

  it('are not noted by a dry run', async () => {
    await seed('customers', { metadata: { tier: 'x' } });
    await world.sync(venue, 'pull', 'full', { dryRun: true });
    expect(await paths()).toEqual([]);
  });

  it('are at most a hundred, whatever the provider holds, and the run stores every record', async () => {
    const hostile = (nth: number) =>
      Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`field_${nth * 50 + index}`, 'x']));
    await seed('customers', ...Array.from({ length: 60 }, (_, nth) => ({ metadata: hostile(nth) })));
    for (let nth = 0; nth < 2; nth += 1) {
      expect((await world.sync(venue, 'pull', 'full')).counts).toMatchObject({ rejected: 0, read: 60 });
      expect(await paths()).toHaveLength(100);
    }
  });

  it('include a field whose value is in no enumeration, beside the rejected object', async () => {
    await seed('charges', { amount: 500, currency: 'eur' });
    world.proxy.edit((answer) => {
      if (answer.path === '/v1/charges') for (const charge of objectsOf(answer)) charge['status'] = 'teleported';
    });
    expect((await world.sync(venue, 'pull', 'full', { resource: 'transactions' })).counts.rejected).toBeGreaterThan(0);
    expect(await noted('transactions')).toMatchObject([{ path: 'status', kind: 'value' }]);
  });

  it('include a plain field that Stripe does not document and one of another type, and store every other record', async () => {
    await seed('customers', { name: 'A' }, { name: 'B' });
    world.proxy.edit((answer) => {
      if (answer.path !== '/v1/customers') return;
      const [first, second] = objectsOf(answer);
      Object.assign(first!, { loyalty_shape: 'planted-7f3a' });
      Object.assign(second!, { phone: { planted: 'planted-7f3a' } });
    });
    for (let nth = 0; nth < 2; nth += 1)
      expect((await world.sync(venue, 'pull', 'full')).counts).toMatchObject({ read: 2, rejected: 1 });
    expect(await noted()).toMatchObject([
      { path: 'loyalty_shape', kind: 'field' },
      { path: 'phone', kind: 'type' },
    ]);
    const rows = await world.database.admin`select t::text as text from unknown_fields t`;
    expect(rows.filter(({ text }) => String(text).includes('planted-7f3a'))).toEqual([]);
  });

  describe('are announced', () => {
    const told = async () => [
      ...(await world.database.admin<{ type: string; data: Readonly<Record<string, unknown>> }[]>`
        select type, data from outgoing_messages where venue_id = ${venue.venueId} and type in ('unknown-field.found', 'custom-field.changed') order by data ->> 'change'`),
    ];
    const forget = () => world.database.admin`delete from outgoing_messages`;
    const metadata = (id: string, fields: Readonly<Record<string, string>>) =>
      world.callStripe(
        'POST',
        `customers/${id}`,
        Object.fromEntries(Object.entries(fields).map(([name, value]) => [`metadata[${name}]`, value])),
      );
    let minutes = 0;
    /** Changes something a minute later, beyond what the change feed of the pull before tells of again, and pulls everything. */
    const pullLater = async (change: () => Promise<unknown> = async () => undefined) => {
      await age();
      minutes += 1;
      await world.stripe.clock(minutes * 60_000);
      await change();
      return world.sync(venue, 'pull', 'full');
    };
    afterEach(async () => {
      minutes = 0;
      await world.stripe.clock(0);
    });
    beforeEach(async () => {
      await world.database
        .admin`insert into subscriptions (id, venue_id, url) values (${uuidv7()}, ${venue.venueId}, 'https://a.example/')`;
    });

    it('by name, once, when custom fields are added, vanish and return', async () => {
      const { id } = await world.callStripe<{ id: string }>('POST', 'customers', {
        'metadata[tier]': 'planted-7f3a',
        'metadata[club]': 'planted-7f3a',
        'metadata[anna@example.com]': 'planted-7f3a',
      });
      await world.sync(venue, 'pull', 'full');
      const { venueId, connectionId } = venue;
      const about = {
        ...{ connectionId, provider: 'stripe', resource: 'customers' },
        path: `/v1/venues/${venueId}/connections/${connectionId}/reach/customers/unknown-fields`,
      };
      const added = { ...about, change: 'added', fields: ['metadata._', 'metadata.club', 'metadata.tier'] };
      expect(await told()).toMatchObject([{ type: 'custom-field.changed', data: { ...added, counts: { fields: 3 } } }]);
      expect(JSON.stringify(await told())).not.toMatch(/planted-7f3a|anna/);

      await forget();
      await pullLater();
      expect(await told()).toEqual([]);

      await pullLater(() => metadata(id, { tier: '' }));
      expect(await told()).toMatchObject([{ data: { ...about, change: 'vanished', fields: ['metadata.tier'] } }]);
      expect((await noted()).filter(({ vanishedAt }) => vanishedAt !== null)).toMatchObject([
        { path: 'metadata.tier' },
      ]);

      await forget();
      await pullLater();
      expect(await told()).toEqual([]);

      await pullLater(() => metadata(id, { tier: 'b' }));
      expect(await told()).toMatchObject([{ data: { ...about, change: 'returned', fields: ['metadata.tier'] } }]);
      expect((await noted()).filter(({ vanishedAt }) => vanishedAt !== null)).toEqual([]);
    });

    it('as added by one message when several pages of a burst have them', async () => {
      await seed('customers', ...Array.from({ length: 150 }, (_, nth) => ({ metadata: { [`f_${nth % 2}`]: 'x' } })));
      await world.sync(venue, 'pull', 'full');
      await seed('products', { name: 'Tea', metadata: { origin: 'x' } });
      await world.sync(venue, 'pull', 'full', { resource: 'products' });
      await world.callStripe('POST', 'customers', { 'metadata[late]': 'x' });
      await world.sync(venue, 'pull', 'full');
      const fields = (await told()).map(({ data }) => data['fields']);
      expect(fields.sort()).toEqual([['metadata.f_0', 'metadata.f_1', 'metadata.late'], ['metadata.origin']]);
    });

    it('as vanished neither when the connection leaves them out, nor by a run that has rejected an object', async () => {
      await seed('customers', { metadata: { tier: 'x' } });
      await world.sync(venue, 'pull', 'full');
      await forget();
      const { venueId } = venue;
      const leaveOut = (excludedFields: readonly string[]) =>
        world.reach.change(
          { ...venue, resource: 'customers' },
          { excludedFields, historyFrom: null },
          {
            ...{ venueId, actor: 'x', action: 'connection.reach-changed', targetType: 'connection', targetId: 'x' },
            ...{ outcome: 'ok', requestId: null },
          },
        );
      await leaveOut(['metadata']);
      await pullLater();
      expect(await told()).toEqual([]);

      await leaveOut([]);
      world.proxy.edit((answer) => {
        if (answer.path === '/v1/customers') for (const customer of objectsOf(answer)) customer['created'] = 'never';
      });
      expect((await pullLater()).counts.rejected).toBe(1);
      // The changed type of `created`, and nothing about custom fields.
      expect(await told()).toMatchObject([{ type: 'unknown-field.found', data: { counts: { found: 1 } } }]);
    });

    it('without their names when a field has an unknown value', async () => {
      await seed('charges', { amount: 500, currency: 'eur' });
      world.proxy.edit((answer) => {
        if (answer.path === '/v1/charges') for (const charge of objectsOf(answer)) charge['status'] = 'teleported';
      });
      await world.sync(venue, 'pull', 'full', { resource: 'transactions' });
      expect(await told()).toMatchObject([{ type: 'unknown-field.found', data: { counts: { found: 1 } } }]);
      expect(JSON.stringify(await told())).not.toMatch(/status|teleported/);
    });
  });
});
