import { proxyActivities } from '@temporalio/workflow';
import type { TokenActivities } from '../contracts/connections.ts';
import type { ProviderId } from '../contracts/providers.ts';
import { PRIORITY, providerQueue } from '../contracts/temporal.ts';

/** One round of a refresh. */
export function refreshActivity(provider: ProviderId): TokenActivities['refreshGrant'] {
  return proxyActivities<Pick<TokenActivities, 'refreshGrant'>>({
    taskQueue: providerQueue(provider, 'interactive'),
    startToCloseTimeout: '90 seconds',
    scheduleToCloseTimeout: '4 minutes',
    // A killed worker is noticed after this long; a second attempt waits for the first one's lock, so a false alarm does no harm.
    heartbeatTimeout: '3 seconds',
    priority: { priorityKey: PRIORITY.interactive },
    retry: { initialInterval: '500 milliseconds', backoffCoefficient: 2, maximumAttempts: 3 },
    summary: 'Refresh the token',
  }).refreshGrant;
}

export function trialActivity(provider: ProviderId): TokenActivities['tryGrant'] {
  return proxyActivities<Pick<TokenActivities, 'tryGrant'>>({
    taskQueue: providerQueue(provider, 'interactive'),
    startToCloseTimeout: '30 seconds',
    scheduleToCloseTimeout: '5 minutes',
    priority: { priorityKey: PRIORITY.interactive },
    retry: { initialInterval: '500 milliseconds', maximumInterval: '30 seconds' },
    summary: 'Ask the provider whether the access was taken back',
  }).tryGrant;
}
