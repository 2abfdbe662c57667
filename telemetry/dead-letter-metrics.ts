import { Gauge } from 'prom-client';
import type { DeadLetterSource, DeadLetterState } from '../contracts/dead-letters.ts';
import { registry } from './metrics.ts';
import { within } from './within.ts';

/** What failed for good and is not settled, over all venues. */
export interface DeadLetterNumbers {
  countUnsettled(): Promise<
    readonly {
      readonly source: DeadLetterSource;
      readonly state: DeadLetterState;
      readonly count: number;
      /** Age of the oldest, in seconds. */
      readonly oldestSeconds: number;
    }[]
  >;
}

let numbers: DeadLetterNumbers | null = null;

/** Shows unsettled dead letters. They lie in Postgres, so that every process shows the same. */
export function watchDeadLetters(source: DeadLetterNumbers): void {
  numbers = source;
}

type Unsettled = Awaited<ReturnType<DeadLetterNumbers['countUnsettled']>>[number];

/** A scrape of the metrics waits no longer than this for the database. */
const PATIENCE_MS = 1_000;

/** Each gauge asks by itself, because Prometheus' client collects gauges side by side. */
const gauge = (name: string, help: string, valueOf: (entries: Unsettled) => number) =>
  new Gauge({
    name,
    help,
    labelNames: ['source', 'state'],
    registers: [registry],
    async collect() {
      if (!numbers) return;
      const found = await within(PATIENCE_MS, numbers.countUnsettled()).catch(() => []);
      this.reset();
      for (const entries of found) this.set({ source: entries.source, state: entries.state }, valueOf(entries));
    },
  });

gauge('interlock_dead_letters_depth', 'Dead letters that are open or retried.', ({ count }) => count);
gauge(
  'interlock_dead_letters_oldest_seconds',
  'Seconds since the oldest dead letter that is open or retried failed first.',
  ({ oldestSeconds }) => oldestSeconds,
);
