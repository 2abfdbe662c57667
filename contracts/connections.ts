import type { ConnectionId, ConnectionRef, RecordId } from './ids.ts';
import type { Environment, OAuthFlow, ProviderId, Resource } from './providers.ts';

// Every name and shape in this file is stored in workflow histories: add fields, never rename or reuse one.
// A code, a verifier and a token enter a history only sealed, as base64 of the sealed bytes.

/** Base64 of a SealedSecret. */
export type SealedText = string;

// --- One attempt to connect ------------------------------------------------------------------------------------------------------------

export const AUTHORIZE_CONNECTION = 'authorizeConnection';

/** Named by a digest of the attempt's state: whoever reads the list of workflows must not be able to complete one. */
export const authorizeConnectionWorkflowId = (stateDigest: string): string => `authorize/${stateDigest}`;

/** How long a venue's owner has to approve. */
export const AUTHORIZATION_LIFE_MS = 10 * 60_000;

export interface AuthorizeConnectionInput extends ConnectionRef {
  readonly provider: ProviderId;
  readonly environment: Environment;
  readonly flow: OAuthFlow;
  /** Where the provider sends the owner back to: part of the code exchange. */
  readonly redirectUri: string;
  readonly sealedVerifier: SealedText;
  /** ISO 8601 UTC. */
  readonly expiresAt: string;
  /** The connection was connected before and has to stay with the account it had. */
  readonly reauthorize: boolean;
  /** `sub` of who asked, for the audit trail. */
  readonly requestedBy: string;
}

/** What the callback has to know before it can hand the code over; kept in the workflow's memo, so that it is there while no worker is. */
export interface AuthorizationMemo extends ConnectionRef {
  readonly provider: ProviderId;
  readonly returnUrl: string | null;
}

/** What the provider sent the owner back with. */
export type AuthorizationCallback =
  | {
      readonly kind: 'approved';
      readonly sealedCode: SealedText;
      /** What else it came with: the provider's `callbackParameters`. */
      readonly parameters?: Readonly<Record<string, string>>;
      /** In its place until 2026-11. */
      readonly realmId?: string;
    }
  | { readonly kind: 'denied' };

/** Why an attempt ended without a connection. */
export const AUTHORIZATION_REFUSALS = [
  'denied',
  'expired',
  'code-refused',
  'wrong-account',
  'environment-mismatch',
  'permissions-missing',
  'provider-unavailable',
  'vault-unavailable',
  'cancelled',
  'answer-lost',
  'access-refused',
  'app-refused',
  'provider-refused',
  'provider-unexpected',
  'provider-unreachable',
  'interrupted',
] as const;
export type AuthorizationRefusal = (typeof AUTHORIZATION_REFUSALS)[number];

export type AuthorizationOutcome =
  /** `connectionId` is the one that the account had in this venue before, when it had one. */
  | { readonly outcome: 'connected'; readonly connectionId: ConnectionId }
  | { readonly outcome: 'refused'; readonly connectionId: ConnectionId; readonly code: AuthorizationRefusal };

/** Update of `authorizeConnection`. Rejected with the failure type `AuthorizationUsed` when the state was used before. One that comes while the attempt is being ended is answered with how that ends. */
export const COMPLETE_AUTHORIZATION_UPDATE = 'completeAuthorization';
export type CompleteAuthorizationArgs = [AuthorizationCallback];

export interface ExchangeInput extends AuthorizeConnectionInput {
  readonly callback: Extract<AuthorizationCallback, { readonly kind: 'approved' }>;
}

export interface RefuseAuthorizationInput extends AuthorizeConnectionInput {
  readonly code: AuthorizationRefusal;
}

/** The provider's queue. */
export interface AuthorizationExchangeActivities {
  /** Exchanges the code, once, asks whose account it is, seals and stores the grant, makes the connection active. A second call goes on where the first one stopped, and after success answers the same. */
  readonly exchangeAuthorization: (input: ExchangeInput) => Promise<AuthorizationOutcome>;
}

/** The `internal` queue. */
export interface AuthorizationActivities {
  /**
   * Ends the attempt on the connection: a new one is `disconnected` with the cause, one that was connected before stays as it is. Answers what
   * stands: an exchange that was given up may have come to its end all the same.
   */
  readonly refuseAuthorization: (input: RefuseAuthorizationInput) => Promise<AuthorizationOutcome>;
  /** Starts the connection's `keepConnectionFresh`, or tells it that its grant was replaced; makes its default schedules. */
  readonly adoptConnection: (input: ConnectionRef & { readonly provider: ProviderId }) => Promise<void>;
}

// --- The owner of a connection's token -------------------------------------------------------------------------------------------------

export const KEEP_CONNECTION_FRESH = 'keepConnectionFresh';
export const keepConnectionFreshWorkflowId = (connectionId: ConnectionId): string => `fresh/${connectionId}`;

export interface KeepConnectionFreshInput extends ConnectionRef {
  readonly provider: ProviderId;
  /** Set by continue-as-new: warnings that were given, as `deadline kind:days`. */
  readonly warned?: readonly string[];
  /** Set by continue-as-new: rounds of refreshes that have failed in a row. */
  readonly failedRounds?: number;
  /** Set by continue-as-new: the generation that was obtained because the provider had refused the one before. */
  readonly renewed?: RenewedGrant;
  /** Set by continue-as-new: the provider has sent word of a revocation, and has not been asked about it yet. */
  readonly revoked?: boolean;
}

export interface RenewedGrant {
  readonly generation: number;
  readonly atMs: number;
}

/**
 * Update. Answers once the connection has a token that is good for `minValidMs` from now and newer than `rejectedGeneration`, which is the
 * generation that the provider has just refused; null when none was. One refresh serves all who ask meanwhile.
 */
export const ENSURE_FRESH_UPDATE = 'ensureFresh';
export type EnsureFreshArgs = [{ readonly minValidMs: number; readonly rejectedGeneration: number | null }];
export interface EnsureFreshResult {
  /** `unavailable`: the provider cannot be asked just now; ask again later. */
  readonly status: 'fresh' | 'needs-reauth' | 'unavailable' | 'disconnected';
  readonly generation: number | null;
}

/** Update. Ends with the connection: revokes at the provider where that is possible, stops schedules and runs, wipes credentials. */
export const DISCONNECT_UPDATE = 'disconnect';
export interface DisconnectRequest {
  readonly records: 'keep' | 'delete';
  /** `sub` of who asked, or the name of a workflow. */
  readonly requestedBy: string;
}
export type DisconnectArgs = [DisconnectRequest];

/**
 * What became of the access at the provider. `shared`: others still use the same account's grant, so it is left standing. `not-supported`: the
 * provider's user removes the access by hand; `failed`: so they have to, the provider did not answer for minutes.
 */
export const REVOCATIONS = ['revoked', 'already-gone', 'not-supported', 'shared', 'failed'] as const;
export type Revocation = (typeof REVOCATIONS)[number];

export interface DisconnectResult {
  readonly revocation: Revocation;
}

/** Signal: the connection has another grant or key now; look at it again. */
export const GRANT_REPLACED_SIGNAL = 'grantReplaced';
/** Signal: the provider has sent word that its user has taken the access back. It may be old, or of another token: the provider is asked before it is believed. */
export const ACCESS_REVOKED_SIGNAL = 'accessRevoked';

/** How a grant dies by itself. */
export const GRANT_DEADLINES = ['refresh-token-idle', 'refresh-token-hard-limit', 'access-token-expiry'] as const;
export type GrantDeadline = (typeof GRANT_DEADLINES)[number];

/** What the workflow plans by: times and numbers only. */
export interface GrantStatus {
  readonly state: 'usable' | 'degraded' | 'needs-reauth' | 'suspended' | 'gone';
  readonly generation: number | null;
  /** ISO 8601 UTC; null: it does not expire. */
  readonly accessExpiresAt: string | null;
  /** When it is to be refreshed; null: never. */
  readonly refreshAt: string | null;
  /** What a refresh does not put off for ever. */
  readonly deadlines: readonly { readonly kind: GrantDeadline; readonly at: string }[];
}

export interface RefreshInput extends ConnectionRef {
  readonly provider: ProviderId;
  /** Refresh this generation; a newer one that is there already is answered as it is. */
  readonly generation: number;
}

export interface RefreshResult {
  readonly status: 'refreshed' | 'needs-reauth';
  readonly grant: GrantStatus;
}

/** What a provider says of a grant. `expired`: its token is past its time, or nearly so, and tells nothing; a refresh does. */
export interface GrantTrial {
  readonly outcome: 'accepted' | 'refused' | 'expired' | 'gone';
  /** What was tried; null: there was none. */
  readonly generation: number | null;
}

/** The provider's queue. */
export interface TokenActivities {
  /** Asks the provider whose grant this is, and changes nothing. An outage is thrown. */
  readonly tryGrant: (input: ConnectionRef & { readonly provider: ProviderId }) => Promise<GrantTrial>;
  /** One call to the provider for one generation of the grant. An outage is thrown, a refused grant is a result. */
  readonly refreshGrant: (input: RefreshInput) => Promise<RefreshResult>;
  /** An outage is thrown. */
  readonly revokeGrant: (
    input: ConnectionRef & { readonly provider: ProviderId },
  ) => Promise<Exclude<Revocation, 'failed'>>;
}

/** The `internal` queue. */
export interface ConnectionUpkeepActivities {
  readonly readGrant: (input: ConnectionRef) => Promise<GrantStatus>;
  /** Refreshes fail for a while: the connection is `degraded`, and with an access token that has ended says so. Null: it is well again. */
  readonly noteTrouble: (
    input: ConnectionRef & {
      readonly errorType: string | null;
      /** That could not be refreshed: news of an earlier one comes too late. */ readonly generation: number | null;
    },
  ) => Promise<void>;
  /** The grant of this generation is dead. */
  readonly noteRevoked: (
    input: ConnectionRef & { readonly generation: number | null; readonly why: 'revoked-at-provider' | 'refused' },
  ) => Promise<void>;
  readonly warnOfDeadline: (
    input: ConnectionRef & { readonly kind: GrantDeadline; readonly at: string; readonly daysLeft: number },
  ) => Promise<void>;
  /** Makes the connection `disconnecting`, deletes its schedules, cancels its runs and waits until they have ended. One that was never connected is `disconnected`. */
  readonly stopConnection: (input: ConnectionRef & DisconnectRequest) => Promise<void>;
  /** Wipes the credentials and makes the connection `disconnected`; with records to delete it becomes so when they are. */
  readonly wipeCredentials: (
    input: ConnectionRef & DisconnectRequest & { readonly revocation: Revocation },
  ) => Promise<void>;
  /**
   * Deletes some of the records that only this connection brought, from `cursor` on. Answers where the next activity goes on; null when none is
   * left, and then the connection is `disconnected`. Earlier versions answered only whether there was more.
   */
  readonly deleteRecords: (input: DeleteRecordsInput) => Promise<DeletionCursor | null>;
}

/** Where a deletion stands: after which record of which resource. */
export interface DeletionCursor {
  readonly resource: Resource;
  readonly after: RecordId | null;
}

export interface DeleteRecordsInput extends ConnectionRef, Pick<DisconnectRequest, 'requestedBy'> {
  /** Absent at the beginning. */
  readonly cursor?: DeletionCursor;
}

// --- A live test of what is stored -----------------------------------------------------------------------------------------------------

export const TEST_CONNECTION = 'testConnection';
/** One at a time: who asks meanwhile gets the same answer. */
export const testConnectionWorkflowId = (connectionId: ConnectionId): string => `test/${connectionId}`;

export interface TestConnectionInput extends ConnectionRef {
  readonly provider: ProviderId;
}

/** `refused`: the provider no longer accepts the credentials, and the connection says so. `unavailable`: nobody can tell just now. */
export type ConnectionTestOutcome = 'accepted' | 'refused' | 'unavailable';

/** What `testConnection` answers. One that an earlier version began answers the outcome alone. */
export interface ConnectionTestResult {
  readonly outcome: ConnectionTestOutcome;
  /** Why nobody can tell, in the words of an attempt to connect; null: the provider has answered. */
  readonly refusal: AuthorizationRefusal | null;
}

/** The provider's interactive queue. */
export interface ConnectionTestActivities {
  /** Asks the provider whose credentials these are. An outage is thrown. */
  readonly tryCredentials: (input: TestConnectionInput) => Promise<Exclude<ConnectionTestOutcome, 'unavailable'>>;
}
