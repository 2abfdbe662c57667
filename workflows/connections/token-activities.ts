import { proxyActivities } from '@temporalio/workflow';
import type { TokenActivities } from '../../contracts/connections.ts';
import { PRIORITY, laneQueue } from '../../contracts/temporal.ts';

/** One round of refresh attempts. */
export const { refreshGrant } = proxyActivities<Pick<TokenActivities, 'refreshGrant'>>({
  taskQueue: laneQueue('interactive'),
  startToCloseTimeout: '90 seconds',
  scheduleToCloseTimeout: '4 minutes',
  // Time until Temporal notices a killed worker. A false alarm is harmless: the second attempt waits for the first
  // one's lease.
  heartbeatTimeout: '3 seconds',
  priority: { priorityKey: PRIORITY.interactive },
  // The activity itself ends the round after `MAX_ATTEMPTS`; attempts that found the provider's share of slots taken do
  // not count.
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
