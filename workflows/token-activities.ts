import { proxyActivities } from '@temporalio/workflow';
import type { TokenActivities } from '../contracts/connections.ts';
import { PRIORITY, laneQueue } from '../contracts/temporal.ts';

/** One round of a refresh. */
export const { refreshGrant } = proxyActivities<Pick<TokenActivities, 'refreshGrant'>>({
  taskQueue: laneQueue('interactive'),
  startToCloseTimeout: '90 seconds',
  scheduleToCloseTimeout: '4 minutes',
  // A killed worker is noticed after this long; a second attempt waits for the first one's lease, so a false alarm does no harm.
  heartbeatTimeout: '3 seconds',
  priority: { priorityKey: PRIORITY.interactive },
  // The activity itself ends the round (`MAX_ATTEMPTS`): an attempt that found its provider's share taken does not count.
  retry: { initialInterval: '500 milliseconds', backoffCoefficient: 2 },
  summary: 'Refresh the token',
});

export const { tryGrant } = proxyActivities<Pick<TokenActivities, 'tryGrant'>>({
  taskQueue: laneQueue('interactive'),
  startToCloseTimeout: '30 seconds',
  scheduleToCloseTimeout: '5 minutes',
  priority: { priorityKey: PRIORITY.interactive },
  retry: { initialInterval: '500 milliseconds', maximumInterval: '30 seconds' },
  summary: 'Ask the provider whether the access was taken back',
});
