import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FAILURE } from '../../../contracts/failures.ts';
import type { RecordId } from '../../../contracts/ids.ts';
import type { SyncConnectionInput } from '../../../contracts/sync.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { aCustomer, createSyncWorld } from '../../support/worlds/sync-world.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

describe('a push of what the venue deleted', () => {
  let world: World;
  let venue: TestVenue;

  beforeAll(async () => {
    world = await createSyncWorld();
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    await world.stripe.reset();
    venue = await world.aVenue();
  });

  const links = async (of = venue) => [
    ...(await world.database.admin<{ source_id: string; state: string; external_id: string | null }[]>`
    select c.source_id, l.state, l.external_id from record_links l join customers c on c.id = l.record_id where c.venue_id = ${of.venueId} order by c.source_id`),
  ];
  const remove = async (sourceIds: readonly string[], of = venue) => {
    for (const row of await world.database.admin<
      { id: RecordId }[]
    >`select id from customers where venue_id = ${of.venueId} and source_id in ${world.database.admin(sourceIds)}`) {
      await world.customers.remove(of.venueId, row.id);
    }
  };
  const sources = (from: number, count: number) => Array.from({ length: count }, (_, index) => `c-${from + index}`);
  const names = async () =>
    (await world.stripe.customers<{ id: string; name: string }>()).map(({ name }) => name).sort();
  const writesSince = async (from: number) =>
    (await world.stripe.calls())
      .slice(from)
      .filter(({ written }) => written)
      .map(({ method, path }) => `${method} ${path.replace(/cus_\w+/, '…')}`);
  const row = async ({ syncId }: SyncConnectionInput) =>
    (await world.database.admin`select * from sync_runs where id = ${syncId}`)[0]!;
  const begun = async (mode: 'full' | 'incremental' = 'full', of = venue) => {
    const input = await world.open(of, 'push', mode);
    await world.begin(input);
    return input;
  };
  const persist = async (input: SyncConnectionInput) => {
    for (let turn = 0; turn < 20; turn += 1)
      if (
        (await world.chunk(input).then(
          ({ status }) => status,
          () => 'failed',
        )) === 'done'
      )
        return;
    throw new Error('the push does not end');
  };

  it.each(['full', 'incremental'] as const)(
    'deletes the remote records, logs it, and does it once (%s)',
    async (mode) => {
      await world.load(venue, 5);
      await world.sync(venue, 'push');
      await remove(['c-1', 'c-3']);
      const from = (await world.stripe.calls()).length;

      const run = await world.sync(venue, 'push', mode);

      expect(run).toMatchObject({ outcome: 'completed', counts: { archived: 2, created: 0, updated: 0, rejected: 0 } });
      expect(await writesSince(from)).toEqual(['DELETE /v1/customers/…', 'DELETE /v1/customers/…']);
      expect(await names()).toEqual(['Customer 0', 'Customer 2', 'Customer 4']);
      expect((await links()).filter(({ state }) => state === 'archived')).toMatchObject([
        { source_id: 'c-1', external_id: null },
        { source_id: 'c-3', external_id: null },
      ]);
      expect(
        (await world.logOf(venue, run.syncId)).map(({ action, sourceId }) => `${action} ${sourceId}`).sort(),
      ).toEqual(['archived c-1', 'archived c-3']);
      expect(await world.sync(venue, 'push', mode)).toMatchObject({ providerCalls: 0, counts: { archived: 0 } });
      // The provider's report of our own deletion changes nothing.
      expect((await world.sync(venue, 'pull')).counts).toMatchObject({ archived: 0, updated: 0, created: 0 });
    },
  );

  it('leaves another venue’s records alone, although they have the same names', async () => {
    const account = await world.stripe.addAccount();
    const other = await world.aVenue(account.secretKey);
    for (const each of [venue, other]) {
      await world.load(each, 3);
      await world.sync(each, 'push');
    }
    await remove(['c-0']);
    await world.sync(venue, 'push');
    expect((await links(other)).map(({ state }) => state)).toEqual(['linked', 'linked', 'linked']);
    expect(await world.sync(other, 'push')).toMatchObject({ providerCalls: 0, counts: { unchanged: 3 } });
  });

  it('never sends a record deleted before its first push', async () => {
    await world.load(venue, 2);
    await remove(['c-0']);
    expect((await world.sync(venue, 'push')).counts).toMatchObject({ created: 1, archived: 0 });
    expect(await names()).toEqual(['Customer 1']);
  });

  it.each([
    ['a reset after the deletion', { kind: 'commit-then-fail' }],
    ['a reset before it', { kind: 'reset' }],
    ['a cut answer', { kind: 'truncate' }],
    ['a 500 after the deletion', { kind: 'commit-then-fail', status: 500 }],
  ])('ends with the remote record deleted once after %s', async (_name, fault) => {
    await world.load(venue, 3);
    await world.sync(venue, 'push');
    await remove(['c-0', 'c-2']);
    await world.stripe.fault({ match: { method: 'DELETE' }, times: 2, ...fault });
    const input = await begun();
    await persist(input);
    expect((await world.finish(input)).counts).toMatchObject({ archived: 2, rejected: 0 });
    expect(await names()).toEqual(['Customer 1']);
    expect(await world.sync(venue, 'push')).toMatchObject({ providerCalls: 0 });
  });

  it('does nothing when the provider deleted the remote record itself, before or after it reported it', async () => {
    await world.load(venue, 2);
    await world.sync(venue, 'push');
    for (const { id } of await world.stripe.customers()) await world.callStripe('DELETE', `customers/${id}`);
    await remove(['c-0']);
    expect(await world.sync(venue, 'push', 'incremental')).toMatchObject({
      outcome: 'completed',
      counts: { archived: 1, rejected: 0 },
    });
    await world.sync(venue, 'pull', 'incremental');
    await remove(['c-1']);
    expect(await world.sync(venue, 'push', 'incremental')).toMatchObject({
      providerCalls: 0,
      counts: { archived: 0, rejected: 0 },
    });
  });

  it('recreates a restored record once, even when the answer is lost', async () => {
    await world.load(venue, 2);
    await world.sync(venue, 'push');
    for (const round of [1, 2]) {
      await remove(['c-0']);
      await world.sync(venue, 'push');
      expect(await names()).toEqual(['Customer 1']);
      await world.load(venue, 1);
      await world.stripe.fault({
        match: { method: 'POST', path: '/v1/customers$' },
        times: 1,
        kind: round === 1 ? 'commit-then-fail' : 'reset',
      });
      const input = await begun();
      await persist(input);
      await world.finish(input);
      expect(await names()).toEqual(['Customer 0', 'Customer 1']);
      expect(await links()).toMatchObject([{ state: 'linked' }, { state: 'linked' }]);
    }
    expect(await world.sync(venue, 'push')).toMatchObject({ providerCalls: 0, counts: { unchanged: 2 } });
    expect((await world.sync(venue, 'pull')).counts).toMatchObject({ created: 0, archived: 0 });
  });

  it('does nothing about a record deleted and restored before the push', async () => {
    await world.load(venue, 2);
    await world.sync(venue, 'push');
    await remove(['c-0']);
    await world.load(venue, 1);
    expect(await world.sync(venue, 'push')).toMatchObject({ providerCalls: 0, counts: { unchanged: 2, archived: 0 } });
  });

  it('waits for approval beyond the number that a run may delete by itself, and holds back everything else', async () => {
    const other = await world.aVenue();
    await world.load(venue, 60);
    await world.sync(venue, 'push');
    await remove(sources(0, 21));
    await world.load(venue, 1, 100);
    const from = (await world.stripe.calls()).length;
    const input = await begun();
    for (let again = 0; again < 2; again += 1)
      expect(await world.chunk(input)).toMatchObject({ status: 'needs-approval', awaiting: { archiving: 21, of: 60 } });
    expect(await row(input)).toMatchObject({
      phase: 'awaiting-approval',
      awaiting: { archiving: 21, of: 60 },
      waiting_for: { what: 'approval' },
    });
    expect(await writesSince(from)).toEqual([]);
    // Another venue's approval does not count.
    await world.progress.approve({ ...input, venueId: other.venueId }, 'a-stranger');
    expect(await world.chunk(input)).toMatchObject({ status: 'needs-approval' });

    await world.progress.approve(input, 'a-person');
    expect(await world.chunk(input)).toMatchObject({ status: 'done', counts: { archived: 21, created: 1 } });
    await world.finish(input);
    expect(await world.stripe.customers()).toHaveLength(40);
  });

  it('continues with an approval after an interruption, without another one', async () => {
    await world.load(venue, 60);
    await world.sync(venue, 'push');
    await remove(sources(0, 45));
    const input = await begun();
    await world.chunk(input);
    await world.progress.approve(input, 'a-person');
    await world.stripe.fault({ match: { method: 'DELETE', nth: 10 }, times: 1, kind: 'commit-then-fail' });
    await expect(world.chunk(input)).rejects.toMatchObject({ type: FAILURE.unavailable });
    expect(await world.chunk(input)).toMatchObject({ status: 'done', counts: { archived: 45 } });
    await world.finish(input);
    expect(await world.stripe.customers()).toHaveLength(15);
  });

  it('leaves no remote record of a record deleted after an unanswered creation', async () => {
    await world.load(venue, 2);
    await world.stripe.fault({ match: { method: 'POST', path: '/v1/customers$' }, times: 2, kind: 'commit-then-fail' });
    const input = await begun();
    await expect(world.chunk(input)).rejects.toMatchObject({ type: FAILURE.unavailable });
    await remove(['c-0', 'c-1']);
    await persist(input);
    await world.finish(input);
    await world.sync(venue, 'push');
    expect(await names()).toEqual([]);
  });

  it('restores a record to any earlier content, whatever was sent before', async () => {
    await world.load(venue, 1);
    await world.sync(venue, 'push');
    for (const name of ['B', 'A', 'B', 'A', 'B']) {
      await world.customers.upsertMany(venue.venueId, [aCustomer(0, name)]);
      await world.sync(venue, 'push', 'incremental');
      expect(await names()).toEqual([name]);
    }
  });
});
