import {
  ActivityFailure,
  ApplicationFailure,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
} from '@temporalio/workflow';
import type {
  RemoveExpiredRowsInput,
  RemoveExpiredRowsResult,
  RetentionActivities,
  RetentionRule,
  RetentionTable,
} from '../contracts/retention.ts';
import { INTERNAL_QUEUE } from '../contracts/temporal.ts';
import { showFailure } from './search-attributes.ts';

const { removeExpired } = proxyActivities<RetentionActivities>({
  taskQueue: INTERNAL_QUEUE,
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '10 seconds',
  // Long enough for a restart of Postgres. After the last attempt the next table follows, and the Schedule's next run
  // tries again.
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds', maximumAttempts: 6 },
});

type Removed = Partial<Record<RetentionTable, number>>;

/**
 * What the retention Schedule starts: removes the rows that each rule no longer keeps, table by table. A table that
 * fails does not block the others; the workflow then fails at its end and names it. Cancelling leaves the rest to the
 * next run.
 */
export async function removeExpiredRows({ rules }: RemoveExpiredRowsInput): Promise<RemoveExpiredRowsResult> {
  const removed: Removed = {};
  const failed: RetentionTable[] = [];
  for (const rule of rules) {
    try {
      await removeAll(rule, removed);
    } catch (error) {
      if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
      failed.push(rule.table);
    }
    show(rules, removed, failed);
  }
  if (failed.length > 0) {
    showFailure('RetentionIncomplete');
    throw ApplicationFailure.nonRetryable(
      `rows could not be removed from: ${failed.join(', ')}`,
      'RetentionIncomplete',
    );
  }
  return { removed };
}

async function removeAll(rule: RetentionRule, removed: Removed): Promise<void> {
  removed[rule.table] = 0;
  for (let after: string | null = null, more = true; more;) {
    const chunk = await removeExpired.executeWithOptions({ summary: `Remove expired rows: ${rule.table}` }, [
      { ...rule, after },
    ]);
    removed[rule.table] = (removed[rule.table] ?? 0) + chunk.removed;
    ({ after, more } = chunk);
  }
}

/** Shows the run's progress in the Web UI: numbers only. */
function show(rules: readonly RetentionRule[], removed: Removed, failed: readonly RetentionTable[]): void {
  const rows = rules.map(({ table, keptDays }) => {
    const outcome = failed.includes(table) ? 'failed' : (removed[table] ?? '–');
    return `| ${table} | ${keptDays === null ? 'says itself' : `${keptDays} days`} | ${outcome} |`;
  });
  setCurrentDetails(['| table | kept | rows removed |', '| --- | --- | --- |', ...rows].join('\n'));
}
