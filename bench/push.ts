import { load, round } from './support/report.ts';
import { withFolder, withSystem } from './support/system.ts';
import { Venue } from './support/venue.ts';
import type { Row } from './support/report.ts';
import type { System } from './support/system.ts';

export interface PushOptions {
  readonly rates: readonly number[];
  readonly records: number;
  readonly changed: number;
  readonly latencyMs: number;
}

/** Requests per second during the unmeasured preparation that makes both sides agree. */
const PREPARATION_RATE = 2_000;

/** Pushes a set of records at each budget, of which a part has changed since both sides agreed. */
export async function benchPush(options: PushOptions): Promise<readonly Row[]> {
  return withFolder(async (home) => {
    const venue = await withSystem({ home, requestsPerSecond: PREPARATION_RATE }, (system) =>
      agree(system, options.records),
    );
    const rows: Row[] = [];
    for (const rate of options.rates)
      rows.push(
        await withSystem({ home, requestsPerSecond: rate }, (system) => pushAt(rate, { system, venue, options })),
      );
    return rows;
  });
}

/** A venue whose records are all at Stripe. */
export async function agree({ api, stripe }: System, records: number): Promise<Venue> {
  await stripe.limits({ latencyMs: 0, requestsPerSecond: 0 });
  const { secretKey } = await stripe.addAccount();
  const venue = await Venue.create(api, secretKey);
  await venue.load(records, 'Customer');
  const run = await venue.sync({ direction: 'push', limitMs: 300_000 });
  if (run.counts.created !== records)
    throw new Error(`the first push created ${run.counts.created} of ${records} customers`);
  return venue;
}

async function pushAt(
  rate: number,
  { system, venue, options }: { system: System; venue: Venue; options: PushOptions },
): Promise<Row> {
  const { changed, records, latencyMs } = options;
  const { stripe, api } = system;
  const here = venue.over(api);
  const loaded = await here.load(changed, `Renamed at ${rate}`);
  if (loaded.updated !== changed) throw new Error(`${loaded.updated} of ${changed} customers were changed`);
  await stripe.limits({ latencyMs, requestsPerSecond: rate });
  const run = await here.sync({ direction: 'push', limitMs: (changed / rate) * 5_000 + 60_000 });
  const calls = await stripe.calls(run.startedAtMs);
  const writes = calls.filter(({ written }) => written);
  const refused = calls.filter(({ status }) => status === 429).length;
  const times = calls.map(({ at }) => at);
  // The rate between the first and the last call shows how well the budget was used while there was work.
  const sustained = ((calls.length - 1) * 1_000) / (Math.max(...times) - Math.min(...times));
  return {
    what: `push ${changed} changed of ${records} at ${rate}/s`,
    seconds: round(run.wallS),
    writes: writes.length,
    unchanged: run.counts.unchanged,
    perSecond: round(sustained),
    shareOfRate: round(sustained / rate, 3),
    shareWithStartAndEnd: round(writes.length / run.wallS / rate, 3),
    refused429: refused,
    load: load(),
    goal: `${changed} writes, share ≥ 0.95, 429s ≤ 1 %`,
    met: writes.length === changed && sustained >= 0.95 * rate && refused <= calls.length / 100,
  };
}

export interface FirstPushOptions {
  readonly rate: number;
  readonly products: number;
  readonly customers: number;
  readonly latencyMs: number;
}

/** Pushes new products and customers at the same time, which share one account and its budget. */
export async function benchFirstPush({
  rate,
  products,
  customers,
  latencyMs,
}: FirstPushOptions): Promise<readonly Row[]> {
  return withFolder((home) =>
    withSystem({ home, requestsPerSecond: rate }, async ({ api, stripe }) => {
      const { secretKey } = await stripe.addAccount();
      const venue = await Venue.create(api, secretKey);
      await venue.loadProducts(products);
      await venue.load(customers, 'Customer');
      await stripe.limits({ latencyMs, requestsPerSecond: rate });
      const limitMs = ((products + customers) / rate) * 3_000 + 60_000;
      const runs = await Promise.all(
        (['products', 'customers'] as const).map((resource) => venue.sync({ direction: 'push', resource, limitMs })),
      );
      const calls = await stripe.calls(Math.min(...runs.map(({ startedAtMs }) => startedAtMs)));
      const writes = calls.filter(({ written }) => written).length;
      const refused = calls.filter(({ status }) => status === 429).length;
      const seconds = Math.max(...runs.map(({ wallS }) => wallS));
      const share = writes / seconds / rate;
      const what = `first push of ${products} products and ${customers} customers at ${rate}/s`;
      const met = writes === products + customers && share >= 0.95;
      return [
        {
          what,
          seconds: round(seconds),
          writes,
          calls: calls.length,
          refused429: refused,
          perSecond: round(writes / seconds),
          shareOfRate: round(share, 3),
          load: load(),
          goal: 'each written once, share ≥ 0.95',
          met,
        },
      ];
    }),
  );
}
