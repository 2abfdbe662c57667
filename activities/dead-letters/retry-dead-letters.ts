import { getClient } from '@temporalio/activity';
import type { DeadLetterActivities, RetryPlan } from '../../contracts/dead-letters.ts';
import type { VenueId } from '../../contracts/ids.ts';
import type { RetryStore } from '../../db/dead-letters/retry-store.ts';
import type { InboxStore } from '../../db/webhooks/inbox-store.ts';
import { retryStart } from '../../domain/dead-letters/retry-start.ts';
import type { RetryDeadLetters } from '../../domain/dead-letters/retry-start.ts';
import { inboxWakeUp } from '../../domain/inbox/inbox-drainer.ts';
import type { DrainInbox } from '../../domain/inbox/inbox-drainer.ts';
import type { Providers } from '../../providers/providers.ts';
import { guarded } from '../failures.ts';

export interface DeadLetterDeps {
  readonly retries: RetryStore;
  readonly inbox: Pick<InboxStore, 'markAwake'>;
  readonly providers: Pick<Providers, 'definition'>;
}

/** Entries and venues that one sweep takes up; the next one takes the rest. */
const MAX_CLEARED = 1_000;
const MAX_VENUES = 500;

/** What retries of dead letters do in our own database. The records themselves are retried by runs of their syncs. */
export function createDeadLetterActivities(deps: DeadLetterDeps): DeadLetterActivities {
  const { retries } = deps;
  return {
    planRetries: ({ venueId }) => guarded(() => plan(deps, venueId)),
    endRetry: ({ asOf, completed, ...sync }) => guarded(() => retries.end(sync, { asOf: new Date(asOf), completed })),
    cancelRetries: ({ venueId }) => guarded(() => retries.cancel(venueId)),
    sweepDeadLetters: () => guarded(() => sweep(deps)),
  };
}

async function plan({ retries, inbox, providers }: DeadLetterDeps, venueId: VenueId): Promise<RetryPlan> {
  for (const partition of await retries.releaseEvents(venueId)) {
    await inbox.markAwake([partition]);
    await getClient().workflow.signalWithStart<DrainInbox>(...inboxWakeUp(partition));
  }
  const { syncs, asOf } = await retries.listSyncs(venueId);
  return {
    asOf: asOf.toISOString(),
    groups: syncs.map((sync) => ({
      ...sync,
      providerName: providers.definition(sync.provider)?.displayName ?? sync.provider,
    })),
  };
}

async function sweep({ retries }: DeadLetterDeps) {
  const cleared = await retries.markCleared(MAX_CLEARED);
  const venues = await retries.listVenues(MAX_VENUES);
  for (const venueId of venues) await getClient().workflow.signalWithStart<RetryDeadLetters>(...retryStart(venueId));
  return { cleared, venues: venues.length };
}
