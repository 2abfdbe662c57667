import { expect, it } from 'vitest';
import { watchDeadLetters } from '../../telemetry/dead-letter-metrics.ts';
import { registry } from '../../telemetry/metrics.ts';

const shown = async () =>
  (await registry.metrics()).split('\n').filter((line) => line.startsWith('interlock_dead_letters_'));

it('shows how many dead letters are unsettled and how old the oldest is, by source and state only', async () => {
  watchDeadLetters({
    countUnsettled: async () => [
      { source: 'record', state: 'open', count: 3, oldestSeconds: 60 },
      { source: 'event', state: 'retrying', count: 1, oldestSeconds: 5 },
    ],
  });
  expect((await shown()).sort()).toEqual([
    'interlock_dead_letters_depth{source="event",state="retrying"} 1',
    'interlock_dead_letters_depth{source="record",state="open"} 3',
    'interlock_dead_letters_oldest_seconds{source="event",state="retrying"} 5',
    'interlock_dead_letters_oldest_seconds{source="record",state="open"} 60',
  ]);
});

it('shows nothing, instead of failing the scrape, while the database does not answer', async () => {
  watchDeadLetters({ countUnsettled: () => Promise.reject(new Error('away')) });
  expect(await shown()).toEqual([]);
  watchDeadLetters({ countUnsettled: async () => [] });
});
