import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SyncConnectionInput } from '../../../contracts/sync.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

describe('a pull during changes of the provider’s records', () => {
  let world: World;
  let venue: TestVenue;

  beforeAll(async () => {
    world = await createSyncWorld();
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    await world.stripe.reset();
    await world.stripe.limits({ requestsPerSecond: 0 });
    venue = await world.aVenue();
  });

  interface Row {
    readonly name: string | null;
    readonly source_id: string;
    readonly deleted: boolean;
    readonly external_id: string;
    readonly state: string;
  }
  const all = async (of: TestVenue = venue) =>
    await world.database.admin<Row[]>`
    select c.name, c.source_id, c.deleted_at is not null as deleted, l.external_id, l.state from customers c
    left join record_links l on l.record_id = c.id where c.venue_id = ${of.venueId} order by c.id`;
  const api = async (method: string, path: string, form: Record<string, string> = {}) => {
    const response = await fetch(`${world.sandbox.apiUrl}/v1/customers${path}`, {
      method,
      headers: {
        authorization: `Bearer ${world.sandbox.secretKey}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      ...(method !== 'DELETE' && { body: new URLSearchParams(form).toString() }),
    });
    expect(response.status).toBe(200);
    return (await response.json()) as { readonly id: string };
  };
  const createMany = async (count: number, name: string) => {
    for (let index = 0; index < count; index += 20) {
      await Promise.all(
        Array.from({ length: Math.min(20, count - index) }, (_, offset) =>
          api('POST', '', { name: `${name} ${index + offset}` }),
        ),
      );
    }
  };
  const segmentsOf = async ({ syncId }: SyncConnectionInput) =>
    (
      await world.database.admin<
        { checkpoint: { segments: readonly { after: string | null }[] } }[]
      >`select checkpoint from sync_runs where id = ${syncId}`
    )[0]!.checkpoint.segments;

  /** Reads some pages of a pull, then loses the connection. */
  async function halfway(mode: 'full' | 'incremental', { path, nth }: { path: string; nth: number }) {
    const input = await world.open(venue, 'pull', mode);
    await world.begin(input);
    await world.stripe.fault({ match: { path, nth }, kind: 'reset', times: 1 });
    await expect(world.chunk(input)).rejects.toMatchObject({ type: 'ProviderUnavailable' });
    await world.stripe.clearFaults();
    return input;
  }

  it('stores every other record when the record of its cursor is deleted', async () => {
    await world.stripe.seed({ resource: 'customers', count: 3_000 });
    const input = await halfway('full', { path: '/v1/customers$', nth: 10 });
    const cursors = (await segmentsOf(input)).flatMap(({ after }) => (after === null ? [] : [after]));
    expect(cursors.length).toBeGreaterThan(0);
    for (const id of cursors) await api('DELETE', `/${id}`);

    while ((await world.chunk(input)).status === 'more');
    const finished = await world.finish(input);

    const refused = (await world.stripe.calls()).filter(({ status }) => status === 400);
    expect(refused.length).toBeGreaterThan(0);
    const brought = new Set((await all()).map((row) => row.external_id));
    expect(brought.size).toBe(3_000);
    for (const { id } of await world.stripe.customers()) expect(brought).toContain(id);
    // The change feed that follows the listing reported the deletions.
    expect(finished.counts).toMatchObject({ archived: cursors.length });
  });

  it('stores all remote records of one second when the cursor among them is deleted', async () => {
    const created = Math.floor(Date.now() / 1_000) - 5_000;
    await world.stripe.seed({
      resource: 'customers',
      records: Array.from({ length: 250 }, (_, index) => ({ name: `Remote record ${index}`, created })),
    });
    const input = await halfway('full', { path: '/v1/customers$', nth: 3 });
    for (const { after } of await segmentsOf(input)) if (after !== null) await api('DELETE', `/${after}`);
    while ((await world.chunk(input)).status === 'more');
    await world.finish(input);
    const brought = (await all()).map((row) => row.external_id);
    expect(brought).toEqual(expect.arrayContaining((await world.stripe.customers()).map(({ id }) => id)));
    expect(new Set(brought).size).toBe(brought.length);
  });

  it('stores with the next pull what was edited, created and deleted during the run behind its position', async () => {
    await world.stripe.seed({ resource: 'customers', count: 500 });
    const input = await halfway('full', { path: '/v1/customers$', nth: 3 });
    const read = (await all()).map((row) => row.external_id);
    expect(read.length).toBeGreaterThanOrEqual(100);
    await api('POST', `/${read[0]}`, { name: 'Edited after it was read' });
    await api('DELETE', `/${read[1]}`);
    await createMany(3, 'Born during the run');
    while ((await world.chunk(input)).status === 'more');
    await world.finish(input);

    await world.sync(venue, 'pull', 'incremental');

    const rows = await all();
    expect(rows.find((row) => row.external_id === read[0])).toMatchObject({ name: 'Edited after it was read' });
    expect(rows.find((row) => row.external_id === read[1])).toMatchObject({ deleted: true, state: 'gone' });
    expect(rows.filter((row) => String(row.name).startsWith('Born'))).toHaveLength(3);
    expect(rows.filter((row) => !row.deleted)).toHaveLength((await world.stripe.customers()).length);
  });

  it.each([
    ['in one go', null],
    ['after an interruption between the two pages', 2],
  ])(
    'does not restore an unknown record whose deletion the feed lists a page before its creation, read %s',
    async (_how, interruptedAt) => {
      await world.sync(venue, 'pull');
      const { id } = await api('POST', '', { name: 'Short-lived' });
      await createMany(120, 'Other');
      await api('DELETE', `/${id}`);

      if (interruptedAt === null) await world.sync(venue, 'pull', 'incremental');
      else {
        const input = await halfway('incremental', { path: '/v1/events', nth: interruptedAt });
        while ((await world.chunk(input)).status === 'more');
        await world.finish(input);
      }

      const live = (await all()).filter((row) => !row.deleted);
      expect(live.map((row) => row.name)).not.toContain('Short-lived');
      expect(live).toHaveLength(120);
    },
  );

  it('ends with the newest of many edits of one record, whatever their pages', async () => {
    await world.sync(venue, 'pull');
    const { id } = await api('POST', '', { name: 'Edit 0' });
    for (let edit = 1; edit <= 130; edit += 1) await api('POST', `/${id}`, { name: `Edit ${edit}` });
    await world.sync(venue, 'pull', 'incremental');
    expect((await all()).map((row) => row.name)).toEqual(['Edit 130']);
    await world.sync(venue, 'pull', 'incremental');
    expect((await all()).map((row) => row.name)).toEqual(['Edit 130']);
  });

  it('keeps two venues with one account separate, although both see the same records', async () => {
    const other = await world.aVenue();
    await world.load(venue, 5);
    await world.sync(venue, 'push');
    const before = await all();

    expect((await world.sync(other, 'pull')).counts).toMatchObject({ created: 5 });
    expect((await world.sync(other, 'pull')).counts).toMatchObject({ created: 0, updated: 0, unchanged: 5 });
    expect(await world.sync(other, 'push')).toMatchObject({ providerCalls: 0, counts: { unchanged: 5 } });

    expect(await all()).toEqual(before);
    expect((await all(other)).every((row) => row.source_id.startsWith('stripe:'))).toBe(true);
    expect((await world.sync(venue, 'pull')).counts).toMatchObject({ created: 0, updated: 0, unchanged: 5 });
  });

  it('does not link a record because of an id that somebody typed in at the provider', async () => {
    await world.load(venue, 1);
    await world.sync(venue, 'push');
    const [mine] = await world.stripe.customers<{ id: string; metadata: Record<string, string> }>();
    const copied = mine!.metadata['interlock_record_id']!;
    for (const recordId of [copied, 'not-an-id', "'; drop table customers; --", '']) {
      await world.stripe.seed({
        resource: 'customers',
        records: [{ name: `Copy ${recordId}`, metadata: { interlock_record_id: recordId } }],
      });
    }
    expect((await world.sync(venue, 'pull')).counts).toMatchObject({ created: 4, updated: 0, unchanged: 1 });
    expect((await all()).find((row) => row.external_id === mine!.id)).toMatchObject({ name: 'Customer 0' });
  });
});
