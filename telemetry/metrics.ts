import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import type { ProviderId } from '../contracts/providers.ts';

/** Limits that a request, a connection or a webhook may meet, as metrics and logs name them; docs/operations/limits.md says what each protects. */
export const LIMITS = [
  'errors-cut',
  'page-cut',
  'reader-cut',
  'body-too-large',
  'batch-too-large',
  'request-timeout',
  'headers-too-large',
  'database-busy',
  'too-many-loads',
  'too-many-streams',
  'too-many-deliveries',
  'too-many-connections',
  'connection-limit-reached',
  'schedule-limit-reached',
  'subscription-limit-reached',
  'webhook-not-signed',
  'webhook-repeated',
  'rate-limited-caller',
  'rate-limited-venue',
  'rate-limited-venue-starts',
  'rate-limited-venue-time',
  'rate-limited-venue-starting',
  'rate-limited-venue-connecting',
  'rate-limited-address',
  'rate-limited-attempt',
] as const;
export type Limit = (typeof LIMITS)[number];

/** What a process tells Prometheus. No label holds a tenant, a caller, an address or anything else of a request. */
export const registry = new Registry();

const limits = new Counter({
  name: 'interlock_limits_total',
  help: 'How often a limit has rejected or cut something.',
  labelNames: ['limit'],
  registers: [registry],
});
const refusals = new Counter({
  name: 'interlock_refusals_total',
  help: 'Requests that were answered with a problem, by its code; deliveries of events also by the provider.',
  labelNames: ['code', 'provider'],
  registers: [registry],
});
// A series that begins at 0 shows its first increase, and a dashboard its name.
for (const limit of LIMITS) limits.inc({ limit }, 0);

export function countLimit(limit: Limit): void {
  limits.inc({ limit });
}

/** `provider`: one that this service knows, to whose webhook address the request came. Null: it came to another path. */
export function countRefusal(code: string, provider: ProviderId | null = null): void {
  refusals.inc(provider === null ? { code } : { code, provider });
}

/** The limit of that name, if there is one. */
export const limitNamed = (name: string | null): Limit | null => LIMITS.find((limit) => limit === name) ?? null;

/** Slots that owners share. */
export interface Pool {
  readonly inUse: number;
  readonly waiting: number;
  /** How often somebody got none, since the process began. */
  readonly refused: number;
}

export const POOL_NAMES = [
  'database-connections',
  'atomic-loads',
  'event-streams',
  'webhook-deliveries',
  'large-webhook-deliveries',
  'webhook-receivers',
  'requests',
] as const;

const pools = new Map<(typeof POOL_NAMES)[number], Pool>();

const gaugeOf = (name: string, help: string, value: (pool: Pool) => number) =>
  new Gauge({
    name,
    help,
    labelNames: ['pool'],
    registers: [registry],
    collect() {
      for (const [pool, slots] of pools) this.set({ pool }, value(slots));
    },
  });
gaugeOf('interlock_pool_in_use', 'Slots of a pool that are taken.', ({ inUse }) => inUse);
gaugeOf('interlock_pool_waiting', 'Who waits for a slot of a pool.', ({ waiting }) => waiting);
gaugeOf(
  'interlock_pool_refused',
  'How often a pool had no slot to give, since the process began.',
  ({ refused }) => refused,
);

/** Shows a pool of this process. A later one of the same name takes its place. */
export function watchPool(name: (typeof POOL_NAMES)[number], pool: Pool): void {
  pools.set(name, pool);
}

let watchesProcess = false;

/** Memory, CPU and event loop of the process: only where somebody asks for metrics, since some of it costs time. */
export function watchProcess(): void {
  if (watchesProcess) return;
  watchesProcess = true;
  collectDefaultMetrics({ register: registry });
}
