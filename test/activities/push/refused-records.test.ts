import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SyncId } from '../../../contracts/ids.ts';
import { objectsOf } from '../../support/sandbox/answer-editing-proxy.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { aCustomer, createSyncWorld } from '../../support/worlds/sync-world.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

describe('records that the database rejects', () => {
  let world: World;
  let venue: TestVenue;

  beforeAll(async () => {
    world = await createSyncWorld({ withProxy: true });
    await world.database.admin.unsafe(`
      create function refuse_mallory() returns trigger language plpgsql as $$ begin raise exception 'no % here', new.name; end $$;`);
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    world.proxy.edit(null);
    await world.stripe.reset();
    await world.stripe.limits({ requestsPerSecond: 0 });
    venue = await world.aVenue();
  });
  afterEach(async () => {
    await world.database.admin.unsafe(`
      alter table customers drop constraint if exists no_mallory; drop trigger if exists no_mallory on customers;
      alter table transactions drop constraint if exists no_lines; alter table record_links drop constraint if exists no_tie;`);
  });

  const refuse = {
    check: `alter table customers add constraint no_mallory check (name not like 'Mallory%') not valid`,
    trigger: `create trigger no_mallory before insert or update on customers for each row when (new.name like 'Mallory%') execute function refuse_mallory()`,
  };
  const rejections = async (syncId: SyncId) =>
    (await world.logOf(venue, syncId)).filter(({ action }) => action === 'rejected');
  const names = async () =>
    (
      await world.database.admin<
        { name: string }[]
      >`select name from customers where venue_id = ${venue.venueId} and deleted_at is null order by name`
    ).map(({ name }) => name);
  const records = (count: number, at: readonly number[]) =>
    Array.from({ length: count }, (_, index) => ({ name: `${at.includes(index) ? 'Mallory' : 'Customer'} ${index}` }));

  it.each(['check', 'trigger'] as const)(
    'are found within the pages of a pull and rejected, and the rest continues, for a %s',
    async (how) => {
      await world.stripe.seed({ resource: 'customers', records: records(250, [3, 99, 100, 240]) });
      await world.database.admin.unsafe(refuse[how]);

      const run = await world.sync(venue, 'pull', 'full');

      expect(run).toMatchObject({
        outcome: 'completed-with-rejections',
        counts: { read: 250, created: 246, rejected: 4, unchanged: 0 },
      });
      expect(await names()).toHaveLength(246);
      const rejected = await rejections(run.syncId);
      const mallories = (await world.stripe.customers<{ id: string; name: string }>()).filter(({ name }) =>
        name.startsWith('Mallory'),
      );
      expect(rejected.map(({ externalId }) => externalId).sort()).toEqual(mallories.map(({ id }) => id).sort());
      for (const { code, message } of rejected) {
        expect(code).toBe('not-storable');
        expect(message).toContain(how === 'check' ? 'SQLSTATE 23514, no_mallory' : 'SQLSTATE P0001');
        expect(message).not.toContain('Mallory');
      }
    },
  );

  it('may fill a whole page', async () => {
    await world.stripe.seed({
      resource: 'customers',
      records: records(
        40,
        Array.from({ length: 40 }, (_, index) => index),
      ),
    });
    await world.database.admin.unsafe(refuse.check);
    expect(await world.sync(venue, 'pull', 'full')).toMatchObject({
      outcome: 'completed-with-rejections',
      counts: { read: 40, created: 0, rejected: 40 },
    });
  });

  it('keep their stored version, and are not archived by a full pull', async () => {
    await world.stripe.seed({ resource: 'customers', records: records(30, []) });
    await world.sync(venue, 'pull', 'full');
    const [first] = await world.stripe.customers();
    await world.callStripe('POST', `customers/${first!.id}`, { name: 'Mallory' });
    await world.database.admin.unsafe(refuse.check);

    for (const mode of ['incremental', 'full'] as const) {
      const run = await world.sync(venue, 'pull', mode);
      expect(run).toMatchObject({ outcome: 'completed-with-rejections', counts: { archived: 0, rejected: 1 } });
      expect(await rejections(run.syncId)).toMatchObject([{ externalId: first!.id }]);
      expect(await names()).toHaveLength(30);
    }
  });

  it('are rejected when a look-up returns them that no list contained', async () => {
    await world.stripe.seed({ resource: 'customers', records: records(5, []) });
    await world.sync(venue, 'pull', 'full');
    const [first] = await world.stripe.customers();
    await world.callStripe('POST', `customers/${first!.id}`, { name: 'Mallory' });
    await world.database.admin.unsafe(refuse.check);
    world.proxy.edit((answer) => {
      const body = answer.body as { data?: readonly { id: string }[]; has_more?: boolean };
      if (answer.path === '/v1/customers' && body.data)
        answer.body = { ...body, data: body.data.filter(({ id }) => id !== first!.id) };
      if (answer.path === '/v1/events') answer.body = { ...body, data: [] };
    });
    const run = await world.sync(venue, 'pull', 'full');
    expect(run).toMatchObject({ outcome: 'completed-with-rejections', counts: { archived: 0, rejected: 1 } });
    expect(await rejections(run.syncId)).toMatchObject([{ externalId: first!.id, code: 'not-storable' }]);
    expect(await names()).toHaveLength(5);
  });

  it.each([false, true])('are rejected for an id longer than an index row, dry run: %s', async (dryRun) => {
    await world.stripe.seed({ resource: 'customers', records: records(20, []) });
    const long = Array.from({ length: 12_000 }, (_, index) =>
      String.fromCodePoint(0x4e00 + ((index * 7_919 + (index % 13) * 104_729) % 20_000)),
    ).join('');
    world.proxy.edit((answer) => {
      const odd = objectsOf(answer).find(({ name }) => name === 'Customer 7');
      if (odd) odd['id'] = long;
    });
    const run = await world.sync(venue, 'pull', 'full', dryRun ? { dryRun: true } : {});
    expect(run).toMatchObject({ outcome: 'completed-with-rejections', counts: { created: 19, rejected: 1 } });
    expect(await rejections(run.syncId)).toMatchObject([{ externalId: long.slice(0, 255), code: 'not-storable' }]);
  });

  it('are rejected when another provider object amends them', async () => {
    const customer = await world.callStripe('POST', 'customers', { name: 'Payer' });
    for (const description of ['Good', 'Bad']) {
      await world.callStripe('POST', 'invoiceitems', {
        customer: customer.id,
        amount: '500',
        currency: 'usd',
        description,
      });
      const invoice = await world.callStripe('POST', 'invoices', {
        customer: customer.id,
        pending_invoice_items_behavior: 'include',
      });
      await world.callStripe('POST', `invoices/${invoice.id}/finalize`);
      await world.callStripe('POST', `invoices/${invoice.id}/pay`, { payment_method: 'pm_card_visa' });
    }
    await world.database.admin.unsafe(
      `alter table transactions add constraint no_lines check (lines::text not like '%Bad%') not valid`,
    );
    const run = await world.sync(venue, 'pull', 'full', { resource: 'transactions' });
    expect(run).toMatchObject({ outcome: 'completed-with-rejections', counts: { rejected: 1 } });
    expect(await rejections(run.syncId)).toMatchObject([
      { code: 'not-storable', externalId: expect.stringMatching(/^pi_/) as string },
    ]);
    const lines = await world.database
      .admin`select lines from transactions where venue_id = ${venue.venueId} and lines <> '[]'`;
    expect(JSON.stringify(lines)).toContain('Good');
  });

  describe('in a push', () => {
    it('are rejected after the provider has them, and later pushes create no second remote record', async () => {
      await world.load(venue, 60);
      const [mallory] = await world.database.admin<
        { id: string }[]
      >`select id from customers where venue_id = ${venue.venueId} and source_id = 'c-7'`;
      await world.database.admin.unsafe(
        `alter table record_links add constraint no_tie check (external_id is null or record_id <> '${mallory!.id}')`,
      );

      for (let turn = 0; turn < 3; turn += 1) {
        const run = await world.sync(venue, 'push', 'incremental');
        expect(run).toMatchObject({
          outcome: 'completed-with-rejections',
          counts: { created: turn === 0 ? 59 : 0, rejected: 1 },
        });
        expect(await rejections(run.syncId)).toMatchObject([
          { sourceId: 'c-7', code: 'not-storable', message: expect.stringContaining('no_tie') as string },
        ]);
        expect(await world.stripe.customers()).toHaveLength(60);
      }

      await world.database.admin.unsafe('alter table record_links drop constraint no_tie');
      expect(await world.sync(venue, 'push', 'incremental')).toMatchObject({
        outcome: 'completed',
        counts: { created: 1 },
      });
      expect(await world.stripe.customers()).toHaveLength(60);
      await world.customers.upsertMany(venue.venueId, [aCustomer(7, 'Renamed')]);
      expect((await world.sync(venue, 'push', 'incremental')).counts).toMatchObject({ updated: 1 });
    });
  });
});
