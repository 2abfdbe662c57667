import { HistoryReader } from '../support/history-cost.ts';
import { round } from '../support/report.ts';
import type { Row } from '../support/report.ts';
import { withFolder, withSystem } from '../support/system.ts';
import { ACTIONS_LIMIT, figuresOf, isWithin, PEAK_LIMIT_MIB } from '../support/watched-run.ts';
import type { Call, Watched, Watching } from '../support/watched-run.ts';

export interface ProviderBenchOptions {
  readonly records: number;
  readonly latencyMs: number;
}

export interface ProviderBench extends Watching {
  readonly options: ProviderBenchOptions;
}

/** What one process stores in a second at best. */
const ROWS_PER_SECOND = 19_000;
const MOST_CALLS_WITHOUT_NEWS = 2;
/** Share of the documented rate that a push has to reach. */
const GOAL_SHARE = 0.95;
const LIMITS = `429s ≤ 1 %, peak ≤ ${PEAK_LIMIT_MIB} MiB, ≤ ${ACTIONS_LIMIT} actions`;

/** A whole system with a reader of its histories, for the benchmark of one provider. */
export const withProviderBench = (
  options: ProviderBenchOptions,
  work: (bench: ProviderBench) => Promise<readonly Row[]>,
): Promise<readonly Row[]> =>
  withFolder((home) =>
    withSystem({ home, requestsPerSecond: 100 }, async (system) => {
      const history = await HistoryReader.connect(system);
      try {
        return await work({ system, history, options });
      } finally {
        await history.close();
      }
    }),
  );

export interface ExpectedPull {
  readonly what: string;
  readonly records: number;
  /** Pages that have to follow one another. */
  readonly pages: number;
  /** Calls a second that the account's limits allow. */
  readonly rate: number;
}

/** A first pull beside the time that the limits, the latency and the storing of rows leave it at best. */
export function pullRow(bench: ProviderBench, watched: Watched, { what, records, pages, rate }: ExpectedPull): Row {
  const { run, calls } = watched;
  const { latencyMs } = bench.options;
  const floorS = Math.max(calls.length / rate, (pages * latencyMs) / 1_000, records / ROWS_PER_SECOND);
  const goalS = 1.15 * floorS + 1;
  return {
    what,
    seconds: round(run.wallS),
    floorS: round(floorS),
    created: run.counts.created,
    ...figuresOf(bench, watched),
    goal: `≤ ${round(goalS)} s, ${LIMITS}`,
    met: run.wallS <= goalS && run.counts.created === records && isWithin(bench, watched),
  };
}

/** A pull that finds nothing new. */
export const noNewsRow = (bench: ProviderBench, watched: Watched, what: string): Row => ({
  what,
  seconds: round(watched.run.wallS),
  ...figuresOf(bench, watched),
  goal: `≤ ${MOST_CALLS_WITHOUT_NEWS} calls`,
  met: watched.calls.length <= MOST_CALLS_WITHOUT_NEWS && watched.run.counts.updated === 0,
});

export interface ExpectedPush {
  readonly what: string;
  readonly batches: number;
  readonly created: number;
  /** Writing calls that the provider takes in a minute. */
  readonly perMinute: number;
  readonly isWrite: (call: Call) => boolean;
}

/** A push to a provider that limits its writing calls by the minute. */
export function pacedPushRow(bench: ProviderBench, watched: Watched, expected: ExpectedPush): Row {
  const { run, calls } = watched;
  const times = calls.filter(expected.isWrite).map(({ at }) => at);
  const minutes = (Math.max(...times) - Math.min(...times)) / 60_000;
  const writesPerMinute = times.length < 2 ? null : round((times.length - 1) / minutes);
  const goalPerMinute = GOAL_SHARE * expected.perMinute;
  const { created, unchanged, rejected } = run.counts;
  return {
    what: expected.what,
    seconds: round(run.wallS),
    ...{ created, unchanged, rejected, writes: times.length, writesPerMinute },
    ...figuresOf(bench, watched),
    goal: `≤ ${expected.batches} writes, ≥ ${goalPerMinute} a minute, ${LIMITS}`,
    met:
      times.length <= expected.batches &&
      (writesPerMinute === null || writesPerMinute >= goalPerMinute) &&
      created === expected.created &&
      rejected === 0 &&
      isWithin(bench, watched),
  };
}
