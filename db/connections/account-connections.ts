import { sql } from 'drizzle-orm';
import type { ConnectionRef } from '../../contracts/ids.ts';
import type { Environment, ProviderId } from '../../contracts/providers.ts';
import { withReach } from '../core/venue-scope.ts';
import type { Database } from '../core/venue-scope.ts';

/** An account at a provider, whichever venues have connected it. */
export interface AccountRef {
  readonly provider: ProviderId;
  readonly environment: Environment;
  readonly externalAccountId: string;
}

export interface AccountConnections {
  /** All venues' connections with a live grant for this account. Crosses venues: never return it to a caller. */
  findGranted(account: AccountRef): Promise<readonly ConnectionRef[]>;
}

export function createAccountConnections(db: Database): AccountConnections {
  return {
    // Runs without a venue scope: only the database function sees all venues.
    findGranted: ({ provider, environment, externalAccountId }) =>
      withReach(db, [], async (tx) => {
        const rows = await tx.execute<{
          venue_id: ConnectionRef['venueId'];
          connection_id: ConnectionRef['connectionId'];
        }>(
          sql`select venue_id, connection_id from connections_of_provider_account(${provider}, ${environment}, ${externalAccountId})`,
        );
        return rows.map(({ venue_id, connection_id }) => ({ venueId: venue_id, connectionId: connection_id }));
      }),
  };
}
