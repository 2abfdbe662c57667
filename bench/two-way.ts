import { randomUUID } from 'node:crypto';
import { peakMib } from './support/process-usage.ts';
import { round } from './support/report.ts';
import { withFolder, withSystem } from './support/system.ts';
import { Venue } from './support/venue.ts';
import type { Row } from './support/report.ts';
import type { System } from './support/system.ts';
import type { Measured } from './support/venue.ts';

export interface TwoWayOptions {
  readonly records: number;
  /** How many change on each side. */
  readonly changed: number;
  readonly resource: 'customers' | 'products';
}

interface Call {
  readonly at: number;
  readonly path: string;
  readonly method: string;
}

/** One account at a stand-in, as this benchmark uses it. */
interface Account {
  readonly provider: 'stripe' | 'square';
  readonly secretKey: string;
  readonly currency: string;
  /** Whether a call reads the change feed, or what a page of it names. */
  isFeed(call: Call): boolean;
  calls(): Promise<readonly Call[]>;
  /** Changes this many of the newest records, as another client would. */
  edit(count: number): Promise<void>;
}

const PEAK_LIMIT_MIB = 260;
const LIMIT_MS = 1_800_000;
const FEWER = 20;
/** The first sync happens this long ago by the provider's clock, so that the overlap of the change feed leaves it out. */
const EARLIER_MS = 7_200_000;

/**
 * Changes some customers on each side and counts the calls of the two-way run that carries them over, beside those of
 * a pull and a push of all.
 */
export async function benchTwoWay(options: TwoWayOptions): Promise<readonly Row[]> {
  return withFolder((home) =>
    withSystem({ home, requestsPerSecond: 2_000 }, async (system) => {
      await system.stripe.limits({ latencyMs: 0, requestsPerSecond: 0 });
      await system.square.limits({ latencyMs: 0, requestsPerSecond: 0 });
      return [
        ...(await twoWay(system, await stripeAccount(system, options.resource), options)),
        ...(await twoWay(system, await squareAccount(system, options.resource), options)),
      ];
    }),
  );
}

async function twoWay(system: System, account: Account, options: TwoWayOptions): Promise<readonly Row[]> {
  const { records, changed, resource } = options;
  const { provider, secretKey, currency } = account;
  const venue = await Venue.create(system.api, secretKey, provider);
  const callsOf = async ({ startedAtMs }: Measured) => (await account.calls()).filter(({ at }) => at >= startedAtMs);
  const load = (count: number, name: string) =>
    resource === 'products' ? venue.loadProducts(count, currency, name) : venue.load(count, name);
  const sync = (direction: 'both' | 'pull', mode: 'full' | 'incremental') =>
    venue.sync({ direction, mode, resource, limitMs: LIMIT_MS });
  await load(records, 'Record');
  await setClock(system, -EARLIER_MS);
  const pushCalls = (await callsOf(await sync('both', 'full'))).length;
  await setClock(system, 0);
  await sync('both', 'incremental');

  await load(changed, 'Changed');
  await account.edit(changed);
  const run = await sync('both', 'incremental');
  const calls = await callsOf(run);
  const pages = calls.filter((call) => account.isFeed(call)).length;
  const pullCalls = (await callsOf(await sync('pull', 'full'))).length;
  const allCalls = pushCalls + pullCalls;
  const mostCalls = Math.floor(1.1 * 2 * changed) + pages;
  const peak = peakMib(system.pids.worker);
  const what = `two-way ${provider}, ${records} ${resource}, ${changed} changed on each side`;
  return [
    {
      what,
      calls: calls.length,
      feedPages: pages,
      updated: run.counts.updated,
      seconds: round(run.wallS),
      goal: `≤ ${mostCalls} calls, ${2 * changed} updated`,
      met: calls.length <= mostCalls && run.counts.updated === 2 * changed,
    },
    {
      what: `the same ${resource}, pulled and pushed whole, ${provider}`,
      calls: allCalls,
      timesFewer: round(allCalls / calls.length, 1),
      goal: `≥ ${FEWER} × fewer two-way`,
      met: allCalls >= FEWER * calls.length,
    },
    {
      what: `worker’s peak after ${provider}, MiB`,
      peakMib: round(peak, 1),
      goal: `≤ ${PEAK_LIMIT_MIB}`,
      met: peak <= PEAK_LIMIT_MIB,
    },
  ];
}

async function setClock({ stripe, square }: System, offsetMs: number): Promise<void> {
  await stripe.clock(offsetMs);
  await square.clock(offsetMs);
}

async function stripeAccount({ stripe, stripeApiUrl }: System, resource: TwoWayOptions['resource']): Promise<Account> {
  const { secretKey } = await stripe.addAccount();
  const ask = async (path: string, form?: Readonly<Record<string, string>>): Promise<unknown> => {
    const response = await fetch(`${stripeApiUrl}/v1/${path}`, {
      method: form ? 'POST' : 'GET',
      headers: { authorization: `Bearer ${secretKey}` },
      ...(form && { body: new URLSearchParams(form) }),
    });
    if (!response.ok) throw new Error(`${path} answered ${response.status}`);
    return response.json();
  };
  return {
    ...{ provider: 'stripe', secretKey, currency: 'EUR' },
    // A page of events names products, which one more call reads.
    isFeed: ({ method, path }) => method === 'GET' && (path === '/v1/events' || path === '/v1/products'),
    calls: () => stripe.calls(),
    async edit(count) {
      let after = '';
      for (let left = count; left > 0;) {
        const page = (await ask(`${resource}?limit=${Math.min(100, left)}${after}`)) as { data: { id: string }[] };
        for (const { id } of page.data) await ask(`${resource}/${id}`, { name: `Edited ${id}` });
        left -= page.data.length;
        after = `&starting_after=${page.data.at(-1)?.id ?? ''}`;
      }
    },
  };
}

async function squareAccount({ square }: System, resource: TwoWayOptions['resource']): Promise<Account> {
  const merchant = await square.addMerchant();
  const { customers, catalog } = merchant.client;
  return {
    ...{ provider: 'square', secretKey: merchant.token, currency: 'GBP' },
    isFeed: ({ path }) => path === (resource === 'products' ? '/v2/catalog/search' : '/v2/customers/search'),
    calls: () => merchant.calls(),
    async edit(count) {
      if (resource === 'products') return editItems(count);
      const all = await merchant.objects<{ readonly id: string }>('customers');
      for (const { id } of all.slice(-count))
        await customers.update({ customerId: id, givenName: 'Edited', familyName: id });
    },
  };

  async function editItems(count: number): Promise<void> {
    const all = await merchant.objects<{ readonly id: string; readonly type: string }>('catalogue');
    const ids = all.filter(({ type }) => type === 'ITEM').map(({ id }) => id);
    const { objects = [] } = await catalog.batchGet({ objectIds: ids.slice(-count) });
    const edited = objects.flatMap((object) =>
      object.type === 'ITEM' ? [{ ...object, itemData: { ...object.itemData, name: `Edited ${object.id}` } }] : [],
    );
    await catalog.batchUpsert({ idempotencyKey: randomUUID(), batches: [{ objects: edited }] });
  }
}
