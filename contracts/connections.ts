import type { ConnectionId, ConnectionRef, RecordId } from './ids.ts';
import type { Environment, OAuthFlow, ProviderId, Resource } from './providers.ts';

// Workflow histories store every name and shape in this file: add fields, never rename or reuse one.
// Codes, verifiers and tokens appear in a history only sealed, as base64 of the sealed bytes.

/** Base64 of a SealedSecret. */
export type SealedText = string;

// --- One attempt to connect ---

export const AUTHORIZE_CONNECTION = 'authorizeConnection';

/** Uses a digest of the attempt's state, so that whoever lists the workflows cannot complete one. */
export const authorizeConnectionWorkflowId = (stateDigest: string): string => `authorize/${stateDigest}`;

/** How long an account owner has to approve. */
export const AUTHORIZATION_LIFE_MS = 10 * 60_000;

export interface AuthorizeConnectionInput extends ConnectionRef {
  readonly provider: ProviderId;
  readonly environment: Environment;
  readonly flow: OAuthFlow;
  /** Where the provider sends the account owner back to. Part of the code exchange. */
  readonly redirectUri: string;
  readonly sealedVerifier: SealedText;
  /** ISO 8601 UTC. */
  readonly expiresAt: string;
  /** The connection was connected before and must keep its account. */
  readonly reauthorize: boolean;
  /** `sub` of the caller, for the audit log. */
  readonly requestedBy: string;
}

/**
 * What the callback needs before it can hand over the code. Kept in the workflow's memo, so that it is readable while
 * no worker runs.
 */
export interface AuthorizationMemo extends ConnectionRef {
  readonly provider: ProviderId;
  readonly returnUrl: string | null;
}

/** What the provider sends the account owner back with. */
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
  /** `connectionId` is the connection that the account already had in this venue, if any. */
  | { readonly outcome: 'connected'; readonly connectionId: ConnectionId }
  | { readonly outcome: 'refused'; readonly connectionId: ConnectionId; readonly code: AuthorizationRefusal };

/**
 * Update of `authorizeConnection`. Rejected with the failure type `AuthorizationUsed` when the state was already used.
 * An update that arrives while the attempt ends gets its outcome.
 */
export const COMPLETE_AUTHORIZATION_UPDATE = 'completeAuthorization';
export type CompleteAuthorizationArgs = [AuthorizationCallback];

export interface ExchangeInput extends AuthorizeConnectionInput {
  readonly callback: Extract<AuthorizationCallback, { readonly kind: 'approved' }>;
}

export interface RefuseAuthorizationInput extends AuthorizeConnectionInput {
  readonly code: AuthorizationRefusal;
}

/** Runs on the provider's queue. */
export interface AuthorizationExchangeActivities {
  /**
   * Exchanges the code once, asks for its account, seals and stores the grant, and activates the connection. A second
   * call continues where the first stopped, and after success returns the same answer.
   */
  readonly exchangeAuthorization: (input: ExchangeInput) => Promise<AuthorizationOutcome>;
}

/** Runs on the `internal` queue. */
export interface AuthorizationActivities {
  /**
   * Ends the attempt: a new connection becomes `disconnected` with the cause; one connected before stays as it is.
   * Returns the current outcome, because an abandoned exchange may still have succeeded.
   */
  readonly refuseAuthorization: (input: RefuseAuthorizationInput) => Promise<AuthorizationOutcome>;
  /**
   * Starts the connection's `keepConnectionFresh` or signals it that its grant was replaced, and creates its default
   * schedules.
   */
  readonly adoptConnection: (input: ConnectionRef & { readonly provider: ProviderId }) => Promise<void>;
}

// --- The token manager of a connection ---

export const KEEP_CONNECTION_FRESH = 'keepConnectionFresh';
export const keepConnectionFreshWorkflowId = (connectionId: ConnectionId): string => `fresh/${connectionId}`;

export interface KeepConnectionFreshInput extends ConnectionRef {
  readonly provider: ProviderId;
  /** Set by continue-as-new: warnings already sent, as `deadline kind:days`. */
  readonly warned?: readonly string[];
  /** Set by continue-as-new: consecutive failed rounds of refreshes. */
  readonly failedRounds?: number;
  /** Set by continue-as-new: the generation that was obtained because the provider had refused the previous one. */
  readonly renewed?: RenewedGrant;
  /** Set by continue-as-new: the provider reported a revocation that is not yet verified. */
  readonly revoked?: boolean;
}

export interface RenewedGrant {
  readonly generation: number;
  readonly atMs: number;
}

/**
 * Update. Returns once the connection has a token that is valid for `minValidMs` and newer than `rejectedGeneration`:
 * the generation that the provider has just refused, or null. One refresh serves all concurrent callers.
 */
export const ENSURE_FRESH_UPDATE = 'ensureFresh';
export type EnsureFreshArgs = [{ readonly minValidMs: number; readonly rejectedGeneration: number | null }];
export interface EnsureFreshResult {
  /** `unavailable` means that the provider cannot be reached now; retry later. */
  readonly status: 'fresh' | 'needs-reauth' | 'unavailable' | 'disconnected';
  readonly generation: number | null;
}

/** Update. Ends the connection: revokes at the provider when possible, stops schedules and runs, wipes credentials. */
export const DISCONNECT_UPDATE = 'disconnect';
export interface DisconnectRequest {
  readonly records: 'keep' | 'delete';
  /** `sub` of the caller, or the name of a workflow. */
  readonly requestedBy: string;
}
export type DisconnectArgs = [DisconnectRequest];

/**
 * What happened to the access at the provider. `shared`: other connections use the same account's grant, so it was not
 * revoked. `not-supported`: the account owner has to remove the access. `failed`: the provider did not answer for
 * minutes, so the account owner has to as well.
 */
export const REVOCATIONS = ['revoked', 'already-gone', 'not-supported', 'shared', 'failed'] as const;
export type Revocation = (typeof REVOCATIONS)[number];

export interface DisconnectResult {
  readonly revocation: Revocation;
}

/** Signal: the connection has a new grant or key, so read it again. */
export const GRANT_REPLACED_SIGNAL = 'grantReplaced';
/**
 * Signal: the provider reported a revocation. The report may be old or about another token, so verify it with the
 * provider first.
 */
export const ACCESS_REVOKED_SIGNAL = 'accessRevoked';

/** The ways in which a grant expires. */
export const GRANT_DEADLINES = ['refresh-token-idle', 'refresh-token-hard-limit', 'access-token-expiry'] as const;
export type GrantDeadline = (typeof GRANT_DEADLINES)[number];

/** The input of the workflow's timing. Times and numbers only. */
export interface GrantStatus {
  readonly state: 'usable' | 'degraded' | 'needs-reauth' | 'suspended' | 'gone';
  readonly generation: number | null;
  /** ISO 8601 UTC; null when it does not expire. */
  readonly accessExpiresAt: string | null;
  /** When to refresh it; null for never. */
  readonly refreshAt: string | null;
  /** Deadlines that refreshing does not postpone for ever. */
  readonly deadlines: readonly { readonly kind: GrantDeadline; readonly at: string }[];
}

export interface RefreshInput extends ConnectionRef {
  readonly provider: ProviderId;
  /** The generation to refresh. If a newer one exists, that is returned. */
  readonly generation: number;
}

export interface RefreshResult {
  readonly status: 'refreshed' | 'needs-reauth';
  readonly grant: GrantStatus;
}

/**
 * The provider's answer about a grant. `expired` means that its token is expired or nearly so and proves nothing; a
 * refresh does.
 */
export interface GrantTrial {
  readonly outcome: 'accepted' | 'refused' | 'expired' | 'gone';
  /** The probed generation; null when there was none. */
  readonly generation: number | null;
}

/** Runs on the provider's queue. */
export interface TokenActivities {
  /** Asks the provider whose grant this is, and changes nothing. Throws on an outage. */
  readonly tryGrant: (input: ConnectionRef & { readonly provider: ProviderId }) => Promise<GrantTrial>;
  /**
   * Makes one provider call for one generation of the grant. Throws on an outage; returns a refused grant as a result.
   */
  readonly refreshGrant: (input: RefreshInput) => Promise<RefreshResult>;
  /** Throws on an outage. */
  readonly revokeGrant: (
    input: ConnectionRef & { readonly provider: ProviderId },
  ) => Promise<Exclude<Revocation, 'failed'>>;
}

/** Runs on the `internal` queue. */
export interface ConnectionUpkeepActivities {
  readonly readGrant: (input: ConnectionRef) => Promise<GrantStatus>;
  /**
   * Reports failing refreshes: the connection becomes `degraded`, with a different message once its access token has
   * ended. Null reports recovery.
   */
  readonly noteTrouble: (
    input: ConnectionRef & {
      readonly errorType: string | null;
      /**
       * The generation that could not be refreshed. A report about an earlier one is ignored.
       */ readonly generation: number | null;
    },
  ) => Promise<void>;
  /** Reports that the grant of this generation has ended. */
  readonly noteRevoked: (
    input: ConnectionRef & { readonly generation: number | null; readonly why: 'revoked-at-provider' | 'refused' },
  ) => Promise<void>;
  readonly warnOfDeadline: (
    input: ConnectionRef & { readonly kind: GrantDeadline; readonly at: string; readonly daysLeft: number },
  ) => Promise<void>;
  /**
   * Makes the connection `disconnecting`, deletes its schedules, and cancels its runs and waits for them to end. A
   * connection that was never connected becomes `disconnected`.
   */
  readonly stopConnection: (input: ConnectionRef & DisconnectRequest) => Promise<void>;
  /**
   * Wipes the credentials and makes the connection `disconnected`, or only once its records are deleted when that was
   * requested.
   */
  readonly wipeCredentials: (
    input: ConnectionRef & DisconnectRequest & { readonly revocation: Revocation },
  ) => Promise<void>;
  /**
   * Deletes some of the records that only this connection supplied, starting at `cursor`. Returns where the next
   * activity continues; null when none is left, and then the connection is `disconnected`. Earlier versions returned
   * only whether there was more.
   */
  readonly deleteRecords: (input: DeleteRecordsInput) => Promise<DeletionCursor | null>;
}

/** The position of a deletion: the last deleted record of a resource. */
export interface DeletionCursor {
  readonly resource: Resource;
  readonly after: RecordId | null;
}

export interface DeleteRecordsInput extends ConnectionRef, Pick<DisconnectRequest, 'requestedBy'> {
  /** Absent at the start. */
  readonly cursor?: DeletionCursor;
}

// --- A live test of the stored credentials ---

export const TEST_CONNECTION = 'testConnection';
/** One test at a time: concurrent callers get the same answer. */
export const testConnectionWorkflowId = (connectionId: ConnectionId): string => `test/${connectionId}`;

/** One listing at a time. */
export const listAccountsWorkflowId = (connectionId: ConnectionId): string => `accounts/${connectionId}`;

export interface TestConnectionInput extends ConnectionRef {
  readonly provider: ProviderId;
  /** Asks which accounts the grant opens, in place of whose it is, and stores the answer. */
  readonly listAccounts?: true;
}

/**
 * `refused`: the provider no longer accepts the credentials, and the connection's state says so. `unavailable`: cannot
 * be determined now.
 */
export type ConnectionTestOutcome = 'accepted' | 'refused' | 'unavailable';

/** The result of `testConnection`. One started by an earlier version returns the outcome alone. */
export interface ConnectionTestResult {
  readonly outcome: ConnectionTestOutcome;
  /** Why the outcome is unknown, as a refusal of an attempt to connect; null when the provider answered. */
  readonly refusal: AuthorizationRefusal | null;
}

/** Runs on the provider's interactive queue. */
export interface ConnectionTestActivities {
  /** Asks the provider whose credentials these are, or which accounts they open. Throws on an outage. */
  readonly tryCredentials: (input: TestConnectionInput) => Promise<Exclude<ConnectionTestOutcome, 'unavailable'>>;
}
