import { sql } from 'drizzle-orm';
import { readInstant } from '../core/instants.ts';
import { withReach } from '../core/venue-scope.ts';
import type { Database } from '../core/venue-scope.ts';
import type { ConnectionId, JobId, ReconciliationId, SyncId, VenueId } from '../../contracts/ids.ts';
import type { ProviderId } from '../../contracts/providers.ts';

/** What is open in our rows and has not been touched for long. Whether a workflow works on it, Temporal knows. */
export type SilentWork = { readonly touchedAt: Date } & (
  | { readonly kind: 'sync'; readonly venueId: VenueId; readonly id: SyncId; readonly workflowId: string }
  | {
      readonly kind: 'reconciliation';
      readonly venueId: VenueId;
      readonly id: ReconciliationId;
      readonly workflowId: string;
    }
  | {
      readonly kind: 'disconnection';
      readonly venueId: VenueId;
      readonly id: ConnectionId;
      readonly provider: ProviderId;
    }
  | { readonly kind: 'registration'; readonly venueId: VenueId; readonly id: ConnectionId; readonly pathDigest: string }
  | { readonly kind: 'rotation'; readonly id: JobId }
);

/** Finds open work of any venue that nobody may be at. */
export interface SilentWorkStore {
  /** In random order. Crosses venues: never return it to a caller. */
  list(query: { readonly silentMs: number; readonly limit: number }): Promise<readonly SilentWork[]>;
}

export function createSilentWorkStore(db: Database): SilentWorkStore {
  return {
    list: ({ silentMs, limit }) =>
      // Without a venue scope: only the database function sees all venues.
      withReach(db, [], async (tx) => {
        const rows = await tx.execute<Row>(
          sql`select kind, venue_id, id, touched_at::text, detail from silent_work(${Math.round(silentMs / 1_000)}::integer, ${limit}::integer)`,
        );
        return rows.map(toWork);
      }),
  };
}

interface Row extends Record<string, unknown> {
  readonly kind: SilentWork['kind'];
  readonly venue_id: VenueId;
  readonly id: string;
  readonly touched_at: string;
  /** What the id of the workflow follows from; null for a rotation. */
  readonly detail: string;
}

function toWork({ kind, venue_id: venueId, id, touched_at: touched, detail }: Row): SilentWork {
  const touchedAt = readInstant(touched);
  switch (kind) {
    case 'sync':
      return { kind, venueId, id: id as SyncId, touchedAt, workflowId: detail };
    case 'reconciliation':
      return { kind, venueId, id: id as ReconciliationId, touchedAt, workflowId: detail };
    case 'disconnection':
      return { kind, venueId, id: id as ConnectionId, touchedAt, provider: detail };
    case 'registration':
      return { kind, venueId, id: id as ConnectionId, touchedAt, pathDigest: detail };
    case 'rotation':
      return { kind, id: id as JobId, touchedAt };
  }
}
