import type { ConnectionId, ConnectionRef, VenueId } from '../contracts/ids.ts';
import type { ConnectionState, Environment, ProviderId } from '../contracts/providers.ts';
import type { SealedSecret } from '../contracts/vault.ts';
import type { Page, PageRequest } from './page.ts';

export interface Connection {
  readonly id: ConnectionId;
  readonly venueId: VenueId;
  readonly provider: ProviderId;
  readonly environment: Environment;
  readonly state: ConnectionState;
  readonly cause: string | null;
  readonly since: Date;
  readonly nextAction: string | null;
  readonly account: { readonly id: string; readonly name: string | null };
  readonly scopes: readonly string[];
  readonly expiresAt: Date | null;
  readonly nextRefreshAt: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface NewApiKeyConnection extends ConnectionRef {
  readonly provider: ProviderId;
  readonly environment: Environment;
  readonly account: { readonly id: string; readonly name: string | null };
  readonly scopes: readonly string[];
  /** Sealed for `connectionId`: the caller chooses the id before it seals. */
  readonly sealedKey: SealedSecret;
}

export interface ConnectionStateChange {
  readonly state: ConnectionState;
  readonly cause: string | null;
  readonly nextAction: string | null;
}

export interface ConnectionStore {
  /** The id under which this account is already connected, so that a re-entered key is sealed for the row it will replace. */
  findByAccount(
    venueId: VenueId,
    account: { readonly provider: ProviderId; readonly environment: Environment; readonly externalAccountId: string },
  ): Promise<ConnectionId | null>;
  /** Inserts, or for a known account replaces the key (its generation grows), and makes the connection active. One transaction. */
  saveWithApiKey(connection: NewApiKeyConnection): Promise<Connection>;
  find(ref: ConnectionRef): Promise<Connection | null>;
  list(venueId: VenueId, page: PageRequest): Promise<Page<Connection>>;
  findApiKey(ref: ConnectionRef): Promise<{ readonly sealedKey: SealedSecret; readonly generation: number } | null>;
  setState(ref: ConnectionRef, change: ConnectionStateChange): Promise<void>;
}
