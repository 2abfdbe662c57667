import { Counter, Gauge } from 'prom-client';
import { ENVIRONMENTS } from '../contracts/providers.ts';
import type { WebhookEventState } from '../contracts/inbox.ts';
import type { Environment, ProviderId } from '../contracts/providers.ts';
import type { Lane } from '../contracts/temporal.ts';
import { registry } from './metrics.ts';
import { within } from './within.ts';

/** A lane's slots, as whoever hands them out knows them. */
export interface WatchedLane {
  readonly free: number;
  readonly use: ReadonlyMap<ProviderId, { readonly held: number; readonly refused: number }>;
}

interface LaneWatch {
  readonly providers: readonly ProviderId[];
  readonly shares: WatchedLane;
}

const lanes = new Map<Lane, LaneWatch>();

/** Shows a lane of this process. A later one of the same name takes its place. */
export function watchLane(lane: Lane, providers: readonly ProviderId[], shares: WatchedLane): void {
  lanes.set(lane, { providers, shares });
}

new Gauge({
  name: 'interlock_lane_slots_free',
  help: 'Slots of a lane that no work holds.',
  labelNames: ['lane'],
  registers: [registry],
  collect() {
    for (const [lane, { shares }] of lanes) this.set({ lane }, shares.free);
  },
});
new Gauge({
  name: 'interlock_lane_slots_in_use',
  help: 'Slots of a lane that a provider holds.',
  labelNames: ['lane', 'provider'],
  registers: [registry],
  collect() {
    for (const [lane, { providers, shares }] of lanes)
      for (const provider of providers) this.set({ lane, provider }, shares.use.get(provider)?.held ?? 0);
  },
});
new Counter({
  name: 'interlock_lane_refused_total',
  help: 'How often work of a provider found the share of its lane taken, and was put off.',
  labelNames: ['lane', 'provider'],
  registers: [registry],
  collect() {
    this.reset();
    for (const [lane, { providers, shares }] of lanes)
      for (const provider of providers) this.inc({ lane, provider }, shares.use.get(provider)?.refused ?? 0);
  },
});

export interface CircuitSource {
  count(): Promise<
    readonly {
      readonly provider: ProviderId;
      readonly environment: Environment;
      readonly scope: CircuitScope;
      readonly state: 'open' | 'half-open';
      readonly count: number;
    }[]
  >;
}

type CircuitScope = 'provider' | 'account';

let circuits: { readonly providers: readonly ProviderId[]; readonly source: CircuitSource } | null = null;

/** Shows how many circuits are not closed. They lie in Postgres, so that every process shows the same. */
export function watchCircuits(providers: readonly ProviderId[], source: CircuitSource): void {
  circuits = { providers, source };
}

/** A database that does not answer must not keep Prometheus from the other metrics. */
const PATIENCE_MS = 2_000;

new Gauge({
  name: 'interlock_circuits',
  help: 'Circuits that are open or half open: of accounts, and of whole providers.',
  labelNames: ['provider', 'environment', 'scope', 'state'],
  registers: [registry],
  async collect() {
    if (!circuits) return;
    const { providers, source } = circuits;
    const found = await within(PATIENCE_MS, source.count()).catch(() => null);
    // Nobody can tell: an old figure would say that somebody can.
    this.reset();
    if (!found) return;
    for (const provider of providers)
      for (const environment of ENVIRONMENTS)
        for (const scope of ['provider', 'account'] as const)
          for (const state of ['open', 'half-open'] as const) this.set({ provider, environment, scope, state }, 0);
    for (const { count, ...labels } of found) this.set(labels, count);
  },
});

/** A long window that all accounts of a provider's app share. */
export interface AppWindow {
  readonly provider: ProviderId;
  readonly environment: Environment;
  /** The calls that it counts, such as `read`; `all`: every call. */
  readonly callClass: string;
  readonly window: 'hour' | 'day' | 'month' | 'other';
  /** Calls that it still takes. */
  readonly left: number;
}

export interface AppWindowSource {
  listLeft(): Promise<readonly AppWindow[]>;
}

let appWindows: AppWindowSource | null = null;

/** Shows what is left of an app's windows. They lie in Postgres, so that every process shows the same. */
export function watchAppWindows(source: AppWindowSource): void {
  appWindows = source;
}

new Gauge({
  name: 'interlock_app_window_calls_left',
  help: 'Calls that are left in a window of over a minute that all accounts of a provider share.',
  labelNames: ['provider', 'environment', 'call_class', 'window'],
  registers: [registry],
  async collect() {
    if (!appWindows) return;
    const found = await within(PATIENCE_MS, appWindows.listLeft()).catch(() => []);
    this.reset();
    for (const { provider, environment, callClass, window, left } of found)
      this.set({ provider, environment, call_class: callClass, window }, left);
  },
});

/** Events of the inbox that are not over. */
export interface InboxSource {
  countUnfinished(): Promise<
    readonly {
      readonly provider: ProviderId;
      readonly state: WebhookEventState;
      readonly count: number;
      /** Age of the oldest, in seconds. */
      readonly oldestSeconds: number;
    }[]
  >;
}

let inbox: InboxSource | null = null;

/** Shows the events of the inbox that are not over. They lie in Postgres, so that every process shows the same. */
export function watchInbox(source: InboxSource): void {
  inbox = source;
}

type Unfinished = Awaited<ReturnType<InboxSource['countUnfinished']>>[number];

/** Each gauge asks by itself, because Prometheus' client collects gauges side by side. */
const inboxGauge = (name: string, help: string, valueOf: (events: Unfinished) => number) =>
  new Gauge({
    name,
    help,
    labelNames: ['provider', 'state'],
    registers: [registry],
    async collect() {
      if (!inbox) return;
      const found = await within(PATIENCE_MS, inbox.countUnfinished()).catch(() => []);
      this.reset();
      for (const events of found) this.set({ provider: events.provider, state: events.state }, valueOf(events));
    },
  });
inboxGauge('interlock_webhook_events', 'Events of the inbox that are not over, by state.', ({ count }) => count);
inboxGauge(
  'interlock_webhook_oldest_event_seconds',
  'Age of the oldest event of the inbox in a state that is not over.',
  ({ oldestSeconds }) => oldestSeconds,
);

/** Seconds since 1970. Kept apart from the gauge, which would look its series up for every event. */
const lastReceivedAt = new Map<ProviderId, number>();

new Gauge({
  name: 'interlock_webhook_last_received_timestamp_seconds',
  help: 'When this process last acknowledged a webhook of the provider, as Unix time; 0 when it has not.',
  labelNames: ['provider'],
  registers: [registry],
  collect() {
    for (const [provider, at] of lastReceivedAt) this.set({ provider }, at);
  },
});

/** Shows the providers whose webhooks this process takes, also before the first one. */
export function watchWebhooks(providers: readonly ProviderId[]): void {
  for (const provider of providers) lastReceivedAt.set(provider, 0);
}

/** Call it once a delivery is committed. */
export function noteWebhookReceived(provider: ProviderId): void {
  lastReceivedAt.set(provider, Date.now() / 1_000);
}

const missedEvents = new Counter({
  name: 'interlock_webhook_events_missed_total',
  help: 'Events that the provider lists and that never arrived, found and fetched by this process.',
  labelNames: ['provider'],
  registers: [registry],
});

/** Counts events that never arrived and were fetched. */
export function countMissedEvents(provider: ProviderId, count: number): void {
  missedEvents.inc({ provider }, count);
}
