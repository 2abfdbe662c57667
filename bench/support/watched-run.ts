import { peakMib } from './process-usage.ts';
import { load, round } from './report.ts';
import type { HistoryCost, HistoryReader } from './history-cost.ts';
import type { System } from './system.ts';
import type { Measured, SyncRequest, Venue } from './venue.ts';

export const PEAK_LIMIT_MIB = 260;
export const ACTIONS_LIMIT = 12;

export interface Watching {
  readonly system: System;
  readonly history: HistoryReader;
}

/** A call as the stand-in has logged it. */
export interface Call {
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly written: boolean;
}

export interface Watched {
  readonly run: Measured;
  readonly cost: HistoryCost;
  readonly calls: readonly Call[];
}

/** Executes a run, and reads what it cost at Temporal and which calls it made to the account. */
export async function watched(
  { history }: Watching,
  {
    venue,
    account,
    request,
  }: {
    readonly venue: Venue;
    readonly account: { calls(): Promise<readonly Call[]> };
    readonly request: SyncRequest;
  },
): Promise<Watched> {
  const ended = new AbortController();
  const startedAtMs = Date.now();
  const { workflowId } = await venue.start(request);
  const heartbeats = history.countHeartbeats(workflowId, ended.signal);
  // Joins the run that was just started.
  const run = await venue.sync(request).finally(() => {
    ended.abort();
  });
  const cost = await history.cost(workflowId, { runId: run.runId, heartbeats: await heartbeats });
  const calls = (await account.calls()).filter(({ at }) => at >= startedAtMs);
  return { run: { ...run, wallS: run.wallS + (run.startedAtMs - startedAtMs) / 1_000 }, cost, calls };
}

const refusedIn = (calls: readonly Call[]): number => calls.filter(({ status }) => status === 429).length;

export const figuresOf = ({ system }: Watching, { cost, calls }: Pick<Watched, 'cost' | 'calls'>) => ({
  calls: calls.length,
  refused429: refusedIn(calls),
  actions: cost.actions,
  workerPeakMib: round(peakMib(system.pids.worker), 0),
  load: load(),
});

export const isWithin = ({ system }: Watching, { cost, calls }: Pick<Watched, 'cost' | 'calls'>): boolean =>
  refusedIn(calls) <= calls.length / 100 &&
  peakMib(system.pids.worker) <= PEAK_LIMIT_MIB &&
  cost.actions <= ACTIONS_LIMIT;
