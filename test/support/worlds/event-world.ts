import { MockActivityEnvironment } from '@temporalio/testing';
import { applyEvents } from '../../../activities/inbox/apply-events.ts';
import type { SettleEvents } from '../../../activities/inbox/apply-events.ts';
import type { ConnectionRef, WebhookEventId } from '../../../contracts/ids.ts';
import type { Resource } from '../../../contracts/providers.ts';
import { createInboxStore } from '../../../db/webhooks/inbox-store.ts';
import { createVenueEventStore } from '../../../db/webhooks/venue-event-store.ts';
import { createIdempotencyStore } from '../../../db/core/idempotency-store.ts';
import { createApiWorld } from '../../api/api-world.ts';

import { providers, signed } from '../../api/webhooks/webhook-deliveries.ts';
import type { Receiver } from '../../api/webhooks/webhook-deliveries.ts';
import { applyingDeps, drainInbox } from '../inbox.ts';
import type { createSyncWorld } from './sync-world.ts';
import type { TestVenue } from './sync-world.ts';

type SyncWorld = Awaited<ReturnType<typeof createSyncWorld>>;

/** An event as a venue reads it. */
export interface ShownEvent {
  readonly id: string;
  readonly type: string;
  readonly state: string;
  readonly attempts: number;
  readonly errorCode: string | null;
  readonly effects: readonly {
    readonly kind: string;
    readonly connectionId: string;
    readonly resource: string | null;
    readonly recordId: string | null;
    readonly reason: string | null;
  }[];
}

/**
 * The API's real endpoint for events in front of a world of syncs: what is posted to it, signed, is handled by the
 * worker's own code, without Temporal.
 */
export async function createEventWorld(world: Pick<SyncWorld, 'database' | 'deps' | 'venues' | 'audit'>) {
  const { db, eventDb } = world.database;
  const api = await createApiWorld({
    providers: providers(),
    deps: {
      inbox: createInboxStore(eventDb),
      events: createVenueEventStore(db),
      venues: world.venues,
      audit: world.audit,
      idempotency: createIdempotencyStore(db),
    },
  });
  const log = { info: () => undefined, warn: () => undefined };
  const own = {
    ...{ log, providers: world.deps.providers, credentials: world.deps.credentials, kinds: world.deps.kinds },
    signalRevoked: () => Promise.resolve(),
  };

  const applying = applyingDeps(world.database, own);
  return {
    api,
    /** Counts resources of a connection as pulled, without a run. */
    async countAsPulled({ connectionId, venueId }: ConnectionRef, ...resources: readonly Resource[]): Promise<void> {
      for (const resource of resources)
        await world.database.admin`
          insert into sync_cursors (connection_id, resource, direction, venue_id) values (${connectionId}, ${resource}, 'pull', ${venueId})`;
    },
    /** The provider's id of the account that a connection is to. */
    async accountOf({ connectionId }: Pick<ConnectionRef, 'connectionId'>): Promise<string> {
      const [row] = await world.database.admin<{ id: string }[]>`
        select external_account_id as id from connections where id = ${connectionId}`;
      return row!.id;
    },
    /** Sends an event as its provider does. */
    async post(provider: Receiver | 'quickbooks' | 'xero', event: object): Promise<void> {
      const body = JSON.stringify(event);
      const answer = await api.send('POST', `/webhooks/${provider}`, {
        token: null,
        body,
        headers: { 'content-type': 'application/json', ...signed(provider, body) },
      });
      if (answer.status !== 200) throw new Error(`the endpoint answered ${answer.status}: ${answer.text}`);
    },
    /** Handles the events that are due. Returns how many there were. */
    drain: (): Promise<number> => new MockActivityEnvironment().run(() => drainInbox(world.database, own)),
    /** Handles one failing event once more, as its own workflow does. `beforeCommit` runs in each of its transactions. */
    async process(id: string, beforeCommit: () => Promise<unknown> = () => Promise.resolve()): Promise<void> {
      const event = await applying.inbox.findFailing(id as WebhookEventId);
      if (!event) throw new Error('the event has not failed');
      const settle: SettleEvents = (work) =>
        applying.inbox.settleFailing(event, async (tx, storeEach) => {
          const settled = await work(tx, storeEach);
          await beforeCommit();
          return settled;
        });
      await new MockActivityEnvironment().run(() => applyEvents(applying, settle, [event]));
    },
    async events({ venueId }: TestVenue): Promise<readonly ShownEvent[]> {
      const { json } = await api.send('GET', `/v1/venues/${venueId}/events?limit=100`);
      return (json.data as unknown as readonly ShownEvent[]).toReversed();
    },
    close: () => api.close(),
  };
}

export type EventWorld = Awaited<ReturnType<typeof createEventWorld>>;
