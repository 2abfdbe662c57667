import { load, round } from './support/report.ts';
import { withFolder, withSystem } from './support/system.ts';
import { Venue } from './support/venue.ts';
import type { Row } from './support/report.ts';
import type { System } from './support/system.ts';

export interface FloodOptions {
  /** Full pulls that one venue requests at the same time, each of its own account. */
  readonly syncs: number;
  /** Customers in each of those accounts. */
  readonly records: number;
  readonly latencyMs: number;
  readonly rate: number;
  readonly repeats: number;
}

const CUSTOMERS_OF_THE_OTHER = 500;
const CHANGES_EACH = 50;
const LIMIT_MS = 300_000;

/**
 * Measures one venue's small incremental pull alone, and while another venue has requested more full pulls than a
 * worker runs at once.
 */
export async function benchFlood(options: FloodOptions): Promise<readonly Row[]> {
  return withFolder((home) =>
    withSystem({ home, requestsPerSecond: options.rate }, async (system) => {
      const { stripe } = system;
      // Use another account for each measurement: the change feed is read with an overlap, so repeated pulls of one
      // account read more each time.
      const [undisturbed, disturbed] = [await aSmallVenue(system), await aSmallVenue(system)];
      const flooding = await connectMany(system, options);
      await stripe.limits({ latencyMs: options.latencyMs, requestsPerSecond: options.rate });
      for (const { venue } of [undisturbed, disturbed]) await venue.sync({ direction: 'pull', limitMs: LIMIT_MS });

      const alone = await measure(system, undisturbed, options);
      const running = await Promise.all(flooding.map((venue) => venue.start({ direction: 'pull' })));
      const loadAlone = load();
      const beside = await measure(system, disturbed, options);
      const done = await Promise.all(flooding.map((venue, index) => venue.done(running[index]?.id ?? '')));
      const unfinished = done.filter((count) => count < options.records).length;
      const ratio = medianOf(beside) / medianOf(alone);
      return [
        {
          what: `incremental pull of ${CHANGES_EACH} changes alone`,
          ...figuresOf(alone),
          load: loadAlone,
          goal: null,
          met: null,
        },
        {
          what: `beside ${options.syncs} full pulls of another venue`,
          ...figuresOf(beside),
          ratio: round(ratio),
          stillFlooding: unfinished,
          floodRows: done.reduce((sum, count) => sum + count, 0),
          load: load(),
          goal: 'ratio ≤ 2',
          met: ratio <= 2 && unfinished > 0,
        },
      ];
    }),
  );
}

interface SmallVenue {
  readonly venue: Venue;
  readonly secretKey: string;
}

async function aSmallVenue({ api, stripe }: System): Promise<SmallVenue> {
  const { id, secretKey } = await stripe.addAccount();
  await stripe.seed({ resource: 'customers', count: CUSTOMERS_OF_THE_OTHER, account: id });
  return { venue: await Venue.create(api, secretKey), secretKey };
}

async function connectMany({ api, stripe }: System, { syncs, records }: FloodOptions): Promise<readonly Venue[]> {
  const accounts = await Promise.all(Array.from({ length: syncs }, () => stripe.addAccount()));
  for (const { id } of accounts) await stripe.seed({ resource: 'customers', count: records, account: id });
  const [first, ...more] = accounts;
  if (!first) throw new Error('a flood takes at least one sync');
  const venue = await Venue.create(api, first.secretKey);
  const others: Venue[] = [];
  for (const { secretKey } of more) others.push(await venue.connect(secretKey));
  return [venue, ...others];
}

/** Seconds of each of several sequential incremental pulls. */
async function measure(
  { stripeApiUrl }: System,
  { venue, secretKey }: SmallVenue,
  { repeats }: FloodOptions,
): Promise<readonly number[]> {
  const seconds: number[] = [];
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    for (let index = 0; index < CHANGES_EACH; index += 1) await createAtStripe(stripeApiUrl, secretKey);
    const run = await venue.sync({ direction: 'pull', mode: 'incremental', limitMs: LIMIT_MS });
    if (run.counts.created < CHANGES_EACH)
      throw new Error(`the pull brought ${run.counts.created} of ${CHANGES_EACH} new customers`);
    seconds.push(run.wallS);
  }
  return seconds;
}

async function createAtStripe(apiUrl: string, secretKey: string): Promise<void> {
  for (;;) {
    const response = await fetch(`${apiUrl}/v1/customers`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secretKey}`, 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ name: 'New' }).toString(),
    });
    await response.arrayBuffer();
    if (response.ok) return;
    if (response.status !== 429) throw new Error(`the sandbox answers ${response.status}`);
  }
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

const figuresOf = (seconds: readonly number[]) => ({
  medianS: round(medianOf(seconds)),
  worstS: round(Math.max(...seconds)),
  runs: seconds.map((one) => round(one)).join(' '),
});
