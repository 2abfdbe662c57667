import type { SyncConnectionInput, SyncOutcome } from '../../../contracts/sync.ts';
import type { ConnectionId, SyncId, VenueId } from '../../../contracts/ids.ts';
import type { ApiWorld } from '../api-world.ts';

/** A venue whose customers are pushed to one connection of Stripe. */
export interface SyncingVenue {
  readonly api: ApiWorld;
  readonly venueId: VenueId;
  readonly connectionId: ConnectionId;
}

/** Starts runs of the venue by the API, and ends them as a worker would. */
export function syncRequests(of: () => SyncingVenue) {
  const sync = { provider: 'stripe', resource: 'customers', direction: 'push', mode: 'full' } as const;
  const order = (changes: object = {}) => ({
    ...{ connectionId: of().connectionId, resource: sync.resource, direction: sync.direction, mode: sync.mode },
    ...changes,
  });
  const inputOf = (id: string): SyncConnectionInput => {
    const { venueId, connectionId } = of();
    return { venueId, connectionId, ...sync, syncId: id as SyncId };
  };
  return {
    inputOf,
    start: (changes?: object) => of().api.send('POST', `/v1/venues/${of().venueId}/syncs`, { json: order(changes) }),
    end: (id: string, outcome: SyncOutcome) =>
      of().api.progress.finish(inputOf(id), { outcome, error: null, plan: null, watermark: null }),
    startedFor: (id: string) => of().api.gateway.started.filter((run) => run.id === id).length,
  };
}
