import { setTimeout as delay } from 'node:timers/promises';
import { Context, getClient } from '@temporalio/activity';
import {
  ServiceError,
  WithStartWorkflowOperation,
  WorkflowUpdateFailedError,
  isGrpcServiceError,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { ENSURE_FRESH_UPDATE, KEEP_CONNECTION_FRESH } from '../../contracts/connections.ts';
import type { EnsureFreshArgs, EnsureFreshResult, KeepConnectionFreshInput } from '../../contracts/connections.ts';
import { FAILURE } from '../../contracts/failures.ts';
import type { ConnectionRef } from '../../contracts/ids.ts';
import type { Direction, ProviderId, Resource } from '../../contracts/providers.ts';
import type { AuditEntry, AuditStore } from '../../db/core/audit-store.ts';
import type { Connection, ConnectionStore } from '../../db/connections/connection-store.ts';
import type { ConnectedGrant, OAuthTokenStore } from '../../db/connections/oauth-token-store.ts';
import { explainFailure } from '../../domain/errors/failure-advice.ts';
import { isUsable } from '../../domain/grants/usable-connection.ts';
import { isRefusedForGood } from '../../domain/errors/grpc-status.ts';
import { scopesMissingFor } from '../../providers/kit/needed-scopes.ts';
import { fromStored } from '../../providers/kit/stored-credentials.ts';
import type { SessionCredential } from '../../providers/oauth.ts';
import { ProviderError } from '../../providers/provider-error.ts';
import type { BudgetAccount, Providers } from '../../providers/providers.ts';
import type { Opener } from '../../vault/vault.ts';
import { VaultError } from '../../vault/vault-error.ts';
import { ownerStart } from './connection-owner.ts';
import { openGrant } from './sealed-grant.ts';

export interface OpenedConnection {
  readonly account: BudgetAccount;
  readonly credential: SessionCredential;
  /** Generation of the key or grant, which identifies it when the provider refuses it. */
  readonly generation: number;
  readonly kind: 'key' | 'grant';
}

/** What the credentials are opened for. */
export interface CredentialsUse {
  readonly resource: Resource;
  readonly direction: Direction;
}

/**
 * The credentials that an activity calls its provider with. Asking for them never refreshes a token here: only the
 * token manager does.
 */
export interface Credentials {
  /**
   * Throws ApplicationFailure for a connection that cannot be used now, or whose owner has not granted what the use
   * needs, ProviderError while its token cannot be refreshed, VaultError. `toDisconnect`: also while the connection is
   * being disconnected, with the token as it is.
   */
  open(
    connection: ConnectionRef & { readonly provider: ProviderId },
    use: CredentialsUse | null,
    options?: { readonly toDisconnect?: boolean },
  ): Promise<OpenedConnection>;
  /**
   * Reports that the provider refused the credentials with 401. Returns true when there are newer ones to try;
   * otherwise the connection needs reauthorization and shows it.
   */
  replaceRefused(
    connection: ConnectionRef & { readonly provider: ProviderId },
    refused: Pick<OpenedConnection, 'generation' | 'kind'>,
  ): Promise<boolean>;
}

export interface CredentialsDeps {
  readonly connections: ConnectionStore;
  readonly tokens: OAuthTokenStore;
  readonly providers: Providers;
  readonly vault: Opener;
  readonly audit: AuditStore;
  /** How long the token manager may take to answer. */
  readonly askTimeoutMs?: number;
}

/** A chunk of a sync uses its credentials for some minutes. */
const MIN_VALID_MS = 5 * 60_000;
/** A token that cannot be refreshed now is used until this long before it expires. */
const LAST_USE_MS = 30_000;
const MAX_ASK_ATTEMPTS = 4;
/**
 * Deadline for a refresh, which takes about twenty seconds at most. The deadline of the call itself does not suffice: a
 * worker's connection retries a refusal, such as that of an eleventh concurrent update, beyond it (@temporalio/worker
 * 1.24.0).
 */
const ASK_TIMEOUT_MS = 40_000;
const UNAVAILABLE: EnsureFreshResult = { status: 'unavailable', generation: null };

export function createCredentials(deps: CredentialsDeps): Credentials {
  const { connections, tokens, providers, vault, audit } = deps;
  const owners = new Owners(deps);

  async function openKey(connection: Connection, ref: ConnectionRef): Promise<OpenedConnection> {
    const stored = await connections.findApiKey(ref);
    if (!stored) throw needsReauth(connection.state);
    const { venueId, connectionId } = ref;
    const secret = await vault.open(stored.sealedKey, { venueId, connectionId, purpose: 'provider-api-key' });
    return {
      account: accountOf(connection),
      credential: fromStored({ secret, fields: stored.fields }),
      generation: stored.generation,
      kind: 'key',
    };
  }

  async function openToken(connection: Connection, ref: ConnectionRef, asked = false): Promise<OpenedConnection> {
    const { provider } = connection;
    const grant = await tokens.find(ref);
    if (!grant) throw needsReauth(connection.state);
    if (remainingMs(grant) < MIN_VALID_MS && !asked) {
      const { status } = await owners.ensureFresh({ ...ref, provider }, null);
      if (status === 'needs-reauth' || status === 'disconnected') throw needsReauth(status);
      if (status === 'fresh') return openToken(connection, ref, true);
      if (remainingMs(grant) < LAST_USE_MS)
        throw new ProviderError({ provider, kind: 'unavailable', code: 'no-fresh-token' });
    }
    const adapter = providers.oauth(provider, grant.flow);
    if (!adapter) throw new ProviderError({ provider, kind: 'unavailable', code: 'not-configured' });
    return {
      account: accountOf(connection),
      credential: adapter.credential(await openGrant(vault, ref, grant)),
      generation: grant.generation,
      kind: 'grant',
    };
  }

  return {
    async open({ venueId, connectionId }, use, { toDisconnect = false } = {}) {
      const ref = { venueId, connectionId };
      const connection = await connections.find(ref);
      if (!connection) throw ApplicationFailure.nonRetryable('the connection no longer exists', FAILURE.connectionGone);
      const isEnding = toDisconnect && connection.state === 'disconnecting';
      if (!isEnding) requireUsable(connection);
      if (use !== null) requireScopes(providers, connection, use);
      try {
        const opened = await (connection.flow === null
          ? openKey(connection, ref)
          : openToken(connection, ref, isEnding));
        await audit.record(openingOf(connection, { outcome: 'ok', generation: opened.generation }));
        return opened;
      } catch (error) {
        if (error instanceof VaultError)
          await audit.record(openingOf(connection, { outcome: 'failed', why: error.kind }));
        throw error;
      }
    },

    async replaceRefused({ venueId, connectionId, provider }, { generation, kind }) {
      const ref = { venueId, connectionId };
      if (kind === 'grant') {
        const { status } = await owners.ensureFresh({ ...ref, provider }, generation);
        if (status === 'unavailable')
          throw new ProviderError({ provider, kind: 'unavailable', code: 'no-fresh-token' });
        return status === 'fresh';
      }
      const { message: cause, nextAction } = explainFailure(FAILURE.needsReauth);
      await connections.markNeedsReauth(ref, generation, { cause, nextAction });
      return false;
    },
  };
}

/** Opens the credentials once per piece of work, such as a chunk of a sync. */
function openingOf(
  { id, venueId, provider }: Connection,
  { outcome, ...details }: Pick<AuditEntry, 'outcome'> & { readonly generation?: number; readonly why?: string },
): AuditEntry {
  const actor = Context.current().info.workflowType ?? Context.current().info.activityType;
  return {
    venueId,
    actor,
    action: 'credentials.opened',
    targetType: 'connection',
    targetId: id,
    outcome,
    requestId: null,
    details: { provider, ...details },
  };
}

const needsReauth = (state: string) =>
  ApplicationFailure.nonRetryable(`the connection is ${state}`, FAILURE.needsReauth);

function requireUsable(connection: Connection): void {
  const { state } = connection;
  if (state === 'disconnecting' || state === 'disconnected')
    throw ApplicationFailure.nonRetryable(`the connection is ${state}`, FAILURE.connectionGone);
  if (!isUsable(connection)) throw needsReauth(state);
}

/** Before the token is opened: a call that the provider is bound to refuse spends budget and tells less. */
function requireScopes(providers: Providers, { provider, scopes }: Connection, use: CredentialsUse): void {
  const definition = providers.definition(provider);
  const missing = definition === null ? [] : scopesMissingFor(definition, scopes, use);
  if (missing.length > 0)
    throw ApplicationFailure.nonRetryable(`the owner has not granted ${missing.join(', ')}`, FAILURE.scopesMissing);
}

function accountOf({ provider, environment, account }: Connection): BudgetAccount {
  if (!account) throw needsReauth('not connected yet');
  return { provider, environment, externalAccountId: account.id };
}

/** Uses the database's clock for both times. */
const remainingMs = ({ accessExpiresAt, now }: ConnectedGrant): number =>
  accessExpiresAt === null ? Infinity : accessExpiresAt.getTime() - now.getTime();

type Owner = (input: KeepConnectionFreshInput) => Promise<unknown>;

/** This process's requests to token managers. Concurrent callers with the same question share one request. */
class Owners {
  readonly #providers: Providers;
  readonly #askTimeoutMs: number;
  readonly #asked = new Map<string, Promise<EnsureFreshResult>>();

  constructor({ providers, askTimeoutMs = ASK_TIMEOUT_MS }: Pick<CredentialsDeps, 'providers' | 'askTimeoutMs'>) {
    this.#providers = providers;
    this.#askTimeoutMs = askTimeoutMs;
  }

  async ensureFresh(
    connection: KeepConnectionFreshInput,
    rejectedGeneration: number | null,
  ): Promise<EnsureFreshResult> {
    const key = `${connection.connectionId}/${rejectedGeneration ?? ''}`;
    const asking =
      this.#asked.get(key) ?? this.#ask(connection, rejectedGeneration).finally(() => this.#asked.delete(key));
    this.#asked.set(key, asking);
    return Promise.race([asking, Context.current().cancelled]);
  }

  /** Starts the token manager when it is not running, even when it is terminated while it answers. */
  async #ask(connection: KeepConnectionFreshInput, rejectedGeneration: number | null): Promise<EnsureFreshResult> {
    const late = delay(this.#askTimeoutMs, UNAVAILABLE, { ref: false });
    return Promise.race([this.#askOwner(connection, rejectedGeneration), late]);
  }

  async #askOwner(connection: KeepConnectionFreshInput, rejectedGeneration: number | null): Promise<EnsureFreshResult> {
    const start = ownerStart(
      connection,
      this.#providers.find(connection.provider)?.capabilities.displayName ?? connection.provider,
    );
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await getClient().workflow.executeUpdateWithStart<Owner, EnsureFreshResult, EnsureFreshArgs>(
          ENSURE_FRESH_UPDATE,
          {
            args: [{ minValidMs: MIN_VALID_MS, rejectedGeneration }],
            startWorkflowOperation: new WithStartWorkflowOperation<Owner>(KEEP_CONNECTION_FRESH, start),
          },
        );
      } catch (error) {
        if (attempt === MAX_ASK_ATTEMPTS || !mayPass(error)) throw error;
      }
    }
  }
}

/**
 * Whether a retry may succeed: the token manager was terminated while it answered, or Temporal has an outage. A
 * permanent rejection by Temporal would repeat.
 */
function mayPass(error: unknown): boolean {
  if (error instanceof WorkflowUpdateFailedError) return true;
  return (error instanceof ServiceError || isGrpcServiceError(error)) && !isRefusedForGood(error);
}
