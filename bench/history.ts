import { HistoryReader } from './support/history-cost.ts';
import { load, round } from './support/report.ts';
import { withFolder, withSystem } from './support/system.ts';
import { Venue } from './support/venue.ts';
import type { HistoryCost } from './support/history-cost.ts';
import type { Row } from './support/report.ts';
import type { System } from './support/system.ts';
import type { Measured, SyncRequest } from './support/venue.ts';

export interface HistoryOptions {
  readonly records: number;
  readonly changed: number;
  readonly rate: number;
  readonly latencyMs: number;
}

/** Measures the histories of a pull of everything, a first push of everything, and a push of a changed part. */
export async function benchHistory(options: HistoryOptions): Promise<readonly Row[]> {
  const { rate, records, changed } = options;
  return withFolder((home) =>
    withSystem({ home, requestsPerSecond: rate }, async (system) => {
      const history = await HistoryReader.connect(system);
      try {
        const venues = await prepare(system, options);
        const pull = await watched(history, venues.pull, { direction: 'pull', limitMs: 300_000 });
        const first = await watched(history, venues.push, {
          direction: 'push',
          limitMs: (records / rate) * 3_000 + 60_000,
        });
        await venues.push.load(changed, 'Renamed');
        const second = await watched(history, venues.push, {
          direction: 'push',
          limitMs: (changed / rate) * 3_000 + 60_000,
        });
        return [
          toRow(`pull ${records} at ${rate}/s`, pull),
          toRow(`push ${records} new at ${rate}/s`, first),
          toRow(`push ${changed} changed of ${records} at ${rate}/s`, second),
        ];
      } finally {
        await history.close();
      }
    }),
  );
}

async function prepare(
  { api, stripe }: System,
  { records, rate, latencyMs }: HistoryOptions,
): Promise<{ pull: Venue; push: Venue }> {
  const [source, target] = [await stripe.addAccount(), await stripe.addAccount()];
  await stripe.seed({ resource: 'customers', count: records, account: source.id });
  const venues = { pull: await Venue.create(api, source.secretKey), push: await Venue.create(api, target.secretKey) };
  await venues.push.load(records, 'Customer');
  await stripe.limits({ latencyMs, requestsPerSecond: rate });
  return venues;
}

async function watched(
  history: HistoryReader,
  venue: Venue,
  request: SyncRequest,
): Promise<{ run: Measured; cost: HistoryCost }> {
  const ended = new AbortController();
  const { workflowId } = await venue.start(request);
  const heartbeats = history.countHeartbeats(workflowId, ended.signal);
  // Joins the run that was just started.
  const run = await venue.sync(request).finally(() => {
    ended.abort();
  });
  return { run, cost: await history.cost(workflowId, { runId: run.runId, heartbeats: await heartbeats }) };
}

function toRow(what: string, { run, cost }: { run: Measured; cost: HistoryCost }): Row {
  return {
    what,
    ...cost,
    seconds: round(run.wallS),
    load: load(),
    goal: '≤ 60 events, ≤ 12 actions, ≤ 2048 bytes',
    met: cost.events <= 60 && cost.actions <= 12 && cost.largestPayloadBytes <= 2_048,
  };
}
