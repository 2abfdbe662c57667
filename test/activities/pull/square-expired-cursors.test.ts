import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSquareSyncWorld } from '../push/square-world.ts';
import type { SquareSyncWorld, SquareVenue } from '../push/square-world.ts';

const BEGINNING = '2009-01-01T00:00:00.000Z';
const CURSOR_LIFE_MS = 5 * 60_000;

interface Asked {
  readonly location: string | undefined;
  /** From when on the list was asked for. */
  readonly from: string | null;
  readonly isFirstPage: boolean;
  readonly isOfChanges: boolean;
  readonly status: number;
}

type SyncMode = 'full' | 'incremental';

let world: SquareSyncWorld;
let venue: SquareVenue;
let asked: Asked[];
beforeAll(async () => {
  world = await createSquareSyncWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  world.proxy.edit(null);
  await world.square.clock(0);
  venue = await world.aSquareVenue();
  await venue.merchant.openLocations('L2', 'L3');
  asked = [];
});

/** Notes every page of the list that is asked for, and lets cursors die once after a page. */
function expireAfter(nth: number, { path, location }: { readonly path: string; readonly location?: string }): void {
  let seen = 0;
  world.proxy.edit(async (answer) => {
    if (answer.path !== path) return;
    const { query, requestBody, status } = answer;
    const body = requestBody === '' ? {} : (JSON.parse(requestBody) as InvoiceSearch);
    const page: Asked = {
      location: query.get('location_id') ?? body.query?.filter.location_ids[0],
      from: query.get('updated_at_begin_time') ?? query.get('begin_time'),
      isFirstPage: !query.has('cursor') && body.cursor === undefined,
      isOfChanges: query.has('updated_at_begin_time'),
      status,
    };
    asked.push(page);
    if (page.location === location) seen += 1;
    if (seen === nth) await world.square.clock(CURSOR_LIFE_MS + 1_000);
  });
}

interface InvoiceSearch {
  readonly query?: { readonly filter: { readonly location_ids: readonly string[] } };
  readonly cursor?: string;
}

const pull = (resource: string, mode: SyncMode) => world.sync(venue, 'pull', mode, { resource });
const anomalies = async ({ syncId }: Awaited<ReturnType<typeof pull>>) =>
  (await world.logOf(venue, syncId)).filter(({ action }) => action === 'anomaly').map(({ code }) => code);
const at = (location: string | undefined) => asked.filter((page) => page.location === location);

const START_MS = Date.parse('2024-05-01T10:00:00.000Z');
const gbp = (amount: number) => ({ amount, currency: 'GBP' });
const timed = (ms: number) => ({ created_at: new Date(ms).toISOString(), updated_at: new Date(ms).toISOString() });
const aPayment = (id: string, location: string, ms: number) => ({
  ...{ id, location_id: location, status: 'COMPLETED', total_money: gbp(1_500) },
  ...timed(ms),
});
const numbered = <One>(count: number, make: (index: number) => One): readonly One[] =>
  Array.from({ length: count }, (_, index) => make(index));

describe('a pull whose cursor at Square has died', () => {
  it('goes on with the payments of the location that it has reached, from the time reached there', async () => {
    const main = venue.merchant.mainLocationId;
    await venue.merchant.put('payments', [
      // Later than all of the next location: what is read of one location says nothing of another.
      aPayment('MAIN', main, START_MS + 86_400_000),
      ...numbered(250, (index) => aPayment(`P${index}`, 'L2', START_MS + index * 60_000)),
      aPayment('LAST', 'L3', START_MS),
    ]);
    expireAfter(2, { path: '/v2/payments', location: 'L2' });
    const run = await pull('transactions', 'full');
    expect(run.counts).toMatchObject({ read: 252, created: 252, rejected: 0 });
    expect(await anomalies(run)).toEqual(['cursor-expired']);
    const listed = (location: string) => at(location).filter(({ isOfChanges }) => !isOfChanges);
    expect(listed(main).map(({ status }) => status)).toEqual([200]);
    expect(listed('L2').map(({ status, from }) => [status, from])).toEqual([
      ...[200, 200, 400].map((status) => [status, BEGINNING]),
      [200, new Date(START_MS + 198 * 60_000).toISOString()],
    ]);
    expect(listed('L3').map(({ status, from }) => [status, from])).toEqual([[200, BEGINNING]]);
  });

  it('goes on with changed payments from the time of change reached in the location', async () => {
    await pull('transactions', 'full');
    const changedMs = Math.floor(Date.now() / 1_000) * 1_000 - 800_000;
    await venue.merchant.put(
      'payments',
      numbered(250, (index) => ({
        ...aPayment(`P${index}`, 'L2', START_MS),
        updated_at: new Date(changedMs + index * 1_000).toISOString(),
      })),
    );
    expireAfter(2, { path: '/v2/payments', location: 'L2' });
    const run = await pull('transactions', 'incremental');
    expect(run.counts).toMatchObject({ read: 250, created: 250 });
    expect(await anomalies(run)).toEqual(['cursor-expired']);
    expect(at(venue.merchant.mainLocationId)).toHaveLength(1);
    const [first, restarted, ...others] = at('L2').filter(({ isFirstPage }) => isFirstPage);
    expect(first?.from).not.toBe(restarted?.from);
    expect(restarted?.from).toBe(new Date(changedMs + 139_000).toISOString());
    expect(others).toEqual([]);
  });

  it('goes on with changed refunds from the time of change reached', async () => {
    await pull('transactions', 'full');
    const changedMs = Math.floor(Date.now() / 1_000) * 1_000 - 800_000;
    await venue.merchant.put(
      'refunds',
      numbered(250, (index) => ({
        ...{ id: `R${index}`, status: 'COMPLETED', amount_money: gbp(700), payment_id: 'P', order_id: 'O' },
        ...{ location_id: 'L2', ...timed(START_MS) },
        updated_at: new Date(changedMs + index * 1_000).toISOString(),
      })),
    );
    expireAfter(2, { path: '/v2/refunds' });
    const run = await pull('transactions', 'incremental');
    expect(run.counts).toMatchObject({ read: 250, created: 250 });
    expect(await anomalies(run)).toEqual(['cursor-expired']);
    const [, restarted] = asked.filter(({ isFirstPage }) => isFirstPage);
    expect(restarted?.from).toBe(new Date(changedMs + 139_000).toISOString());
  });

  it('reads the invoices of the location that it has reached once more, and of no other', async () => {
    const main = venue.merchant.mainLocationId;
    await venue.merchant.seed('invoices', 120);
    const there = await venue.merchant.objects<{ id: string }>('invoices');
    await venue.merchant.put(
      'invoices',
      there.map((invoice) => ({ ...invoice, id: `2-${invoice.id}`, location_id: 'L2' })),
    );
    expireAfter(1, { path: '/v2/invoices/search', location: 'L2' });
    const run = await pull('invoices', 'full');
    expect(run.counts).toMatchObject({ read: 240, created: 240, archived: 0 });
    expect(await anomalies(run)).toEqual(['cursor-expired']);
    expect(at(main).map(({ status }) => status)).toEqual([200, 200]);
    expect(at('L2').map(({ status, isFirstPage }) => [status, isFirstPage])).toEqual([
      ...[[200, true] as const, [400, false] as const],
      ...[[200, true] as const, [200, false] as const],
    ]);
    expect(at('L3')).toHaveLength(1);
  });
});
