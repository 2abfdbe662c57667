import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AuditEntry } from '../../../db/core/audit-store.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';

const SECRET = 'planted-7f3a@secret.example';

describe('a connection that leaves fields out', () => {
  let world: Awaited<ReturnType<typeof createSyncWorld>>;
  let venue: TestVenue;
  beforeAll(async () => {
    world = await createSyncWorld();
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    await world.stripe.reset();
    venue = await world.aVenue();
  });

  const exclude = (...fields: string[]) => {
    const { venueId } = venue;
    const audit: AuditEntry = {
      ...{ venueId, actor: 'x', action: 'connection.reach-changed', targetType: 'connection', targetId: 'x' },
      ...{ outcome: 'ok', requestId: null },
    };
    return world.reach.change(
      { ...venue, resource: 'customers' },
      { excludedFields: fields, historyFrom: null },
      audit,
    );
  };
  const seed = (...records: readonly object[]) => world.stripe.seed({ resource: 'customers', records });
  const atStripe = async () =>
    (
      (await (await fetch(`${world.sandbox.controlUrl}/state/customers`)).json()) as {
        readonly data: readonly { readonly id: string; readonly email: string | null; readonly name: string }[];
      }
    ).data;
  const held = async () =>
    (await world.customers.list(venue.venueId, { includeDeleted: false }, { limit: 10, after: null })).data.map(
      (text) => JSON.parse(text) as Readonly<Record<string, unknown>>,
    );

  it('stores nothing of them in any table, and takes the rest', async () => {
    await exclude('email', 'metadata');
    await seed({ id: 'cus_1', name: 'Ada', email: SECRET, metadata: { note: SECRET } });
    expect((await world.sync(venue, 'pull', 'full')).counts).toMatchObject({ created: 1, rejected: 0 });
    await world.callStripe('POST', 'customers/cus_1', { 'metadata[note]': `${SECRET}2`, name: 'Ada L' });
    await world.sync(venue, 'pull', 'incremental');
    expect(await held()).toMatchObject([{ name: 'Ada L', email: null, metadata: {} }]);
    const tables = await world.database.admin<{ name: string }[]>`
      select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`;
    expect(tables.length).toBeGreaterThan(20);
    for (const { name } of tables) {
      const rows = await world.database.admin`select t::text as text from ${world.database.admin(name)} t`;
      expect([name, rows.filter(({ text }) => String(text).includes('planted-7f3a'))]).toEqual([name, []]);
    }
  });

  it('keeps what was stored of them before, through full passes too, and reads them again once they are let in', async () => {
    await seed({ id: 'cus_1', name: 'Ada', email: 'old@example.com' });
    await world.sync(venue, 'pull', 'full');
    await exclude('email');
    await world.callStripe('POST', 'customers/cus_1', { email: 'new@example.com', name: 'Ada L' });
    await world.stripe.clock(2_000);
    await world.sync(venue, 'pull', 'full');
    expect(await held()).toMatchObject([{ name: 'Ada L', email: 'old@example.com' }]);
    await exclude();
    await world.stripe.clock(4_000);
    await world.sync(venue, 'pull', 'full');
    expect(await held()).toMatchObject([{ name: 'Ada L', email: 'new@example.com' }]);
    await world.stripe.clock(0);
  });

  it('neither sends nor clears them at the provider, and an unchanged push writes nothing', async () => {
    await seed({ id: 'cus_1', name: 'Ada', email: 'theirs@example.com', metadata: { theirs: 'x' } });
    await exclude('email', 'metadata');
    await world.sync(venue, 'pull', 'full');
    expect(await held()).toHaveLength(1);
    await world.database
      .admin`update customers set name = 'Ada by the venue', email = 'ours@example.com', version = version + 1, updated_at = now()
      where venue_id = ${venue.venueId}`;
    expect((await world.sync(venue, 'push', 'full')).counts).toMatchObject({ updated: 1, rejected: 0 });
    const [there] = await atStripe();
    expect(there).toMatchObject({ name: 'Ada by the venue', email: 'theirs@example.com', metadata: { theirs: 'x' } });
    expect((await world.sync(venue, 'push', 'full')).counts).toMatchObject({ updated: 0, unchanged: 1 });
    expect((await world.sync(venue, 'pull', 'full')).counts).toMatchObject({ updated: 0, conflicts: 0 });
  });

  it('creates a remote record without them', async () => {
    await exclude('email');
    await world.load(venue, 1);
    expect((await world.sync(venue, 'push', 'full')).counts).toMatchObject({ created: 1 });
    expect(await atStripe()).toMatchObject([{ email: null }]);
  });
});
