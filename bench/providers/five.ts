import type { ProviderId } from '../../contracts/providers.ts';
import { accountPaceOf } from '../../providers/limits/limits.ts';
import { PROVIDERS } from '../../providers/registry.ts';
import { SQUARE_CAPABILITIES } from '../../providers/square/capabilities.ts';
import { consentTo } from '../support/consent.ts';
import { cpuSeconds, peakMib } from '../support/process-usage.ts';
import { load, round } from '../support/report.ts';
import type { Row } from '../support/report.ts';
import { withFolder, withSystem } from '../support/system.ts';
import type { System } from '../support/system.ts';
import { Venue } from '../support/venue.ts';
import { PEAK_LIMIT_MIB } from '../support/watched-run.ts';
import { DOCUMENTED as QUICKBOOKS_DOCUMENTED, WITHOUT_LIMITS as QUICKBOOKS_WITHOUT_LIMITS } from './quickbooks.ts';
import { DOCUMENTED as XERO_DOCUMENTED, WITHOUT_LIMITS as XERO_WITHOUT_LIMITS } from './xero.ts';

export interface FiveOptions {
  readonly customers: number;
  readonly products: number;
  readonly latencyMs: number;
  /** Measured; the others are pushed to beside them, and not waited for. */
  readonly only: readonly ProviderId[];
}

export const FIVE_PROVIDERS: readonly ProviderId[] = PROVIDERS.map(({ id }) => id);
const STRIPE_BUDGET = 90;
const MOST_TIMES_SLOWER = 1.5;
const LIMIT_MS = 1_500_000;

/** Pushes new products and customers of one venue to all five providers at once, and to each alone. */
export async function benchFive(options: FiveOptions): Promise<readonly Row[]> {
  return withFolder((home) =>
    withSystem({ home, requestsPerSecond: STRIPE_BUDGET }, async (system) => {
      // Events that are read would take of the budget of a run.
      await system.quickbooks.send('POST', '/webhooks', { url: null });
      const alone = new Map<ProviderId, Pushed>();
      for (const provider of options.only) {
        const venue = await connect(system, await aLoadedVenue(system, options), provider);
        await keepDocumentedLimits(system, options.latencyMs);
        const [cpuS, pushed] = await withCpu(system, () => push(provider, venue));
        alone.set(provider, { ...pushed, cpuS });
        await liftLimits(system);
      }
      const venueId = await aLoadedVenue(system, options);
      const neighbour = await connect(system, await aLoadedVenue(system, options), 'stripe');
      const venues: (readonly [string, ProviderId, Venue])[] = [['stripe, another venue', 'stripe', neighbour]];
      for (const provider of FIVE_PROVIDERS)
        venues.push([provider, provider, await connect(system, venueId, provider)]);
      await keepDocumentedLimits(system, options.latencyMs);
      const isMeasured = ([, provider]: (typeof venues)[number]) => options.only.includes(provider);
      const [cpuS, compared] = await withCpu(system, async () => {
        // All begin at the same moment, as they do where every push is measured.
        const pushes = await Promise.all(
          venues.map(async (one) => {
            const [what, provider, venue] = one;
            if (isMeasured(one)) return [{ what, pushed: await push(provider, venue) }];
            await start(provider, venue);
            return [];
          }),
        );
        return pushes.flat();
      });
      const workerPeakMib = round(peakMib(system.pids.worker), 0);
      const rows = compared.map(({ what, pushed }) =>
        rowOf({ what, pushed, alone: alone.get(pushed.provider), options, workerPeakMib }),
      );
      return [...rows, { what: 'all at once', besideCpuS: inWords(cpuS), goal: null, met: null }];
    }),
  );
}

/** CPU seconds that each of the system's processes uses meanwhile: on a busy machine they say more than the clock. */
async function withCpu<Result>({ pids }: System, work: () => Promise<Result>): Promise<readonly [Cpu, Result]> {
  const before = cpuSeconds(pids);
  const result = await work();
  const after = Object.entries(cpuSeconds(pids));
  return [Object.fromEntries(after.map(([name, seconds]) => [name, round(seconds - (before[name] ?? 0))])), result];
}

const inWords = (cpuS: Cpu): string =>
  Object.entries(cpuS)
    .map(([name, seconds]) => `${name} ${seconds}`)
    .join(' ');

/** What each provider documents, and for Square, which documents nothing, what we allow ourselves. */
async function keepDocumentedLimits(system: System, latencyMs: number): Promise<void> {
  await system.stripe.limits({ latencyMs, requestsPerSecond: 100 });
  await system.square.limits({ latencyMs, requestsPerSecond: accountPaceOf(SQUARE_CAPABILITIES.limits.sandbox) });
  await system.quickbooks.limits({ latencyMs, ...QUICKBOOKS_DOCUMENTED });
  await system.mailchimp.limits({ latencyMs, connections: 10 });
  await system.xero.limits({ latencyMs, ...XERO_DOCUMENTED });
}

/** Connecting makes calls that no budget paces. */
async function liftLimits({ stripe, square, quickbooks, mailchimp, xero }: System): Promise<void> {
  await stripe.limits({ latencyMs: 0, requestsPerSecond: 0 });
  await square.limits({ latencyMs: 0, requestsPerSecond: 0 });
  await quickbooks.limits(QUICKBOOKS_WITHOUT_LIMITS);
  await mailchimp.limits({ latencyMs: 0, connections: 0 });
  await xero.limits(XERO_WITHOUT_LIMITS);
}

/** The id of a venue with customers and products, in the currency that the stand-ins' accounts keep their books in. */
async function aLoadedVenue({ api }: System, { customers, products }: FiveOptions): Promise<string> {
  const venue = Venue.of(api, { id: await Venue.open(api), connectionId: '' });
  await venue.load(customers, 'Customer');
  await venue.loadProducts(products, 'GBP');
  return venue.id;
}

/** The venue with a connection to a new account of this provider. */
async function connect(system: System, id: string, provider: ProviderId): Promise<Venue> {
  const venue = Venue.of(system.api, { id, connectionId: '' });
  switch (provider) {
    case 'stripe':
      return venue.connect((await system.stripe.addAccount()).secretKey);
    case 'square':
      return venue.connect((await system.square.addMerchant()).token, provider);
    case 'mailchimp':
      return venue.connect((await system.mailchimp.addAccount()).apiKey, provider);
    case 'quickbooks':
      return (await consentTo(system, id, { provider, environment: 'sandbox' })).venue;
    case 'xero':
      return (await consentTo(system, id, { provider, environment: 'production' })).venue;
    default:
      throw new Error(`nobody has told how to connect ${provider}`);
  }
}

type Cpu = Readonly<Record<string, number>>;

interface Pushed {
  readonly provider: ProviderId;
  /** Of all processes; known of a push that ran alone. */
  readonly cpuS?: Cpu;
  readonly seconds: number;
  readonly created: number;
  readonly rejected: number;
}

/** What is pushed, of what the provider takes. */
function resourcesOf(provider: ProviderId): readonly ('products' | 'customers')[] {
  const resources = PROVIDERS.find(({ id }) => id === provider)?.resources ?? [];
  const isTaken = (name: string) =>
    resources.some(({ resource, directions }) => resource === name && directions.includes('push'));
  return (['products', 'customers'] as const).filter(isTaken);
}

/** Starts the same push, and leaves it to itself. */
async function start(provider: ProviderId, venue: Venue): Promise<void> {
  await Promise.all(resourcesOf(provider).map((resource) => venue.start({ direction: 'push', resource })));
}

/** Pushes what the provider takes, products and customers at the same time, from the request to the end of the last. */
async function push(provider: ProviderId, venue: Venue): Promise<Pushed> {
  const runs = await Promise.all(
    resourcesOf(provider).map((resource) => venue.sync({ direction: 'push', resource, limitMs: LIMIT_MS })),
  );
  return {
    provider,
    seconds: Math.max(...runs.map(({ wallS }) => wallS)),
    created: runs.reduce((sum, { counts }) => sum + counts.created, 0),
    rejected: runs.reduce((sum, { counts }) => sum + counts.rejected, 0),
  };
}

interface Compared {
  readonly what: string;
  readonly pushed: Pushed;
  readonly alone?: Pushed | undefined;
  readonly options: FiveOptions;
  readonly workerPeakMib: number;
}

/** Stands for a push that was not measured. */
const UNKNOWN = { seconds: Number.NaN, cpuS: {} };

function rowOf({ what, pushed, alone = { ...pushed, ...UNKNOWN }, options, workerPeakMib }: Compared): Row {
  const { customers, products } = options;
  const loaded = { customers, products };
  const expected = resourcesOf(pushed.provider).reduce((sum, resource) => sum + loaded[resource], 0);
  const timesSlower = pushed.seconds / alone.seconds;
  return {
    what,
    aloneSeconds: round(alone.seconds),
    aloneCpuS: inWords(alone.cpuS ?? {}),
    besideSeconds: round(pushed.seconds),
    timesSlower: round(timesSlower),
    created: pushed.created,
    rejected: pushed.rejected,
    workerPeakMib,
    load: load(),
    goal: `${expected} created, ≤ ${MOST_TIMES_SLOWER} × alone, peak ≤ ${PEAK_LIMIT_MIB} MiB`,
    met:
      timesSlower <= MOST_TIMES_SLOWER &&
      pushed.created === expected &&
      pushed.rejected === 0 &&
      workerPeakMib <= PEAK_LIMIT_MIB,
  };
}
