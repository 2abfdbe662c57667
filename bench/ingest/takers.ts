import { randomBytes } from 'node:crypto';
import type { IdOrder } from './event-ids.ts';
import { EventSender } from './event-sender.ts';
import { openLoop, percentile } from '../support/open-loop.ts';
import { cpuSeconds } from '../support/process-usage.ts';
import { load, round } from '../support/report.ts';
import type { System } from '../support/system.ts';

/** Something that takes events, and applies them on its own. */
export interface Taker {
  readonly url: string;
  readonly secret: string;
  /** Its processes, by name. */
  readonly pids: Readonly<Record<string, number>>;
  /** Of the events that it is sent; default `by-time`. */
  readonly ids?: IdOrder;
}

/** How many senders share one taker. */
export const CONNECTIONS = 32;
/** Accounts that nobody has connected: an event of theirs is acknowledged like any other, and handled as ignored. */
const ACCOUNTS = Array.from({ length: 20 }, () => `acct_${randomBytes(8).toString('hex')}`);
const TYPE = 'customer.updated';

export const takerOf = ({ apiUrl, stripeWebhookSecret: secret, pids }: System): Taker => ({
  url: `${apiUrl}/webhooks/stripe`,
  secret,
  pids: { api: pids.api, worker: pids.worker, postgres: pids.postgres, temporal: pids.temporal },
});

/** Runs `work` with a sender of events. */
export async function withSender<Result>(
  { url, secret, ids }: Taker,
  work: (sender: EventSender) => Promise<Result>,
  accounts: readonly string[] = ACCOUNTS,
): Promise<Result> {
  const options = { url, secret, accounts, connections: CONNECTIONS, type: TYPE };
  const sender = new EventSender({ ...options, ...(ids && { ids }) });
  try {
    return await work(sender);
  } finally {
    sender.close();
  }
}

export interface Saturated {
  readonly perSecond: number;
  /** CPU time of all of the taker's processes, what they apply meanwhile included, for each acknowledgement. */
  readonly cpuUsEach: number;
  /** The same of each process. */
  readonly cpuUsOf: Readonly<Record<string, number>>;
}

/** Sends as fast as events are acknowledged. CPU time counts until `applied` resolves. */
export function saturate(
  taker: Taker,
  seconds: number,
  applied: () => Promise<unknown> = () => Promise.resolve(),
): Promise<Saturated> {
  return withSender(taker, async (sender) => {
    sender.prepareFor(seconds);
    const before = cpuSeconds(taker.pids);
    const perSecond = await sender.saturate(seconds);
    await applied();
    const cpuUsOf = cpuUsPerEvent(taker.pids, before, perSecond * seconds);
    return { perSecond, cpuUsOf, cpuUsEach: Object.values(cpuUsOf).reduce((total, each) => total + each, 0) };
  });
}

/** What each process has used since `before`, in µs for each event. */
export function cpuUsPerEvent(
  pids: Taker['pids'],
  before: ReturnType<typeof cpuSeconds>,
  events: number,
): Readonly<Record<string, number>> {
  const now = Object.entries(cpuSeconds(pids));
  return Object.fromEntries(now.map(([name, cpuS]) => [name, ((cpuS - (before[name] ?? 0)) * 1e6) / events]));
}

/** One cell of a table, as in `api 130, worker 90`. */
export const formatCpu = (cpuUsOf: Readonly<Record<string, number>>): string =>
  Object.entries(cpuUsOf)
    .map(([name, cpuUs]) => `${name} ${round(cpuUs, 0)}`)
    .join(', ');

/** Sends at a steady rate. */
export function steady(taker: Taker, perSecond: number, seconds: number) {
  return withSender(taker, async (sender) => {
    sender.prepare(perSecond * seconds);
    const samples = await openLoop({ perSecond, seconds, send: () => sender.send() });
    const latencies = samples.map(({ latencyMs }) => latencyMs);
    return {
      p50Ms: round(percentile(latencies, 0.5)),
      p99Ms: round(percentile(latencies, 0.99)),
      failed: samples.filter(({ failed }) => failed).length,
      load: load(),
    };
  });
}
