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
import type { ProviderId } from '../../contracts/providers.ts';
import type { AuditEntry, AuditStore } from '../../db/core/audit-store.ts';
import type { Connection, ConnectionStore } from '../../db/connections/connection-store.ts';
import type { ConnectedGrant, OAuthTokenStore } from '../../db/connections/oauth-token-store.ts';
import { explainFailure } from '../../domain/errors/failure-advice.ts';
import { isRefusedForGood } from '../../domain/errors/grpc-status.ts';
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
  /** Of the key or the grant: what it is called when the provider refuses it. */
  readonly generation: number;
  readonly kind: 'key' | 'grant';
}

/** What an activity calls its provider with. Nobody who asks here ever refreshes a token: the connection's owner does. */
export interface Credentials {
  /** Throws ApplicationFailure for a connection that cannot be used now, ProviderError while its token cannot be renewed, VaultError. */
  open(connection: ConnectionRef & { readonly provider: ProviderId }): Promise<OpenedConnection>;
  /** The provider has refused it with 401. True when there is another to try; else the connection needs its owner's approval, and says so. */
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
  /** How long a connection's owner may take to answer. */
  readonly askTimeoutMs?: number;
}

/** A chunk of a sync works for some minutes with what it has opened. */
const MIN_VALID_MS = 5 * 60_000;
/** A token that nobody can renew just now is used until shortly before its end. */
const LAST_USE_MS = 30_000;
const MAX_ASK_ATTEMPTS = 4;
/**
 * A refresh takes some twenty seconds at most. The deadline of the call itself would not do: a worker's connection repeats a refusal, such as that of
 * an eleventh update in flight, beyond it (@temporalio/worker 1.24.0).
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
    async open({ venueId, connectionId }) {
      const ref = { venueId, connectionId };
      const connection = await connections.find(ref);
      if (!connection) throw ApplicationFailure.nonRetryable('the connection no longer exists', FAILURE.connectionGone);
      if (connection.state === 'disconnecting' || connection.state === 'disconnected')
        throw ApplicationFailure.nonRetryable(`the connection is ${connection.state}`, FAILURE.connectionGone);
      if (connection.state !== 'active' && connection.state !== 'degraded') throw needsReauth(connection.state);
      try {
        const opened = await (connection.flow === null ? openKey(connection, ref) : openToken(connection, ref));
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

/** Once for each piece of work that calls the provider: a chunk of a sync opens them for its minutes. */
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

function accountOf({ provider, environment, account }: Connection): BudgetAccount {
  if (!account) throw needsReauth('not connected yet');
  return { provider, environment, externalAccountId: account.id };
}

/** By the database's clock alone. */
const remainingMs = ({ accessExpiresAt, now }: ConnectedGrant): number =>
  accessExpiresAt === null ? Infinity : accessExpiresAt.getTime() - now.getTime();

type Owner = (input: KeepConnectionFreshInput) => Promise<unknown>;

/** This process's way to the owners of connections: whoever asks the same of one at the same time shares the question. */
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

  /** The owner is started where it is not running, also when it is ended while it answers. */
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

/** The owner was ended while it answered, or Temporal is in trouble. What Temporal refuses for good it refuses again. */
function mayPass(error: unknown): boolean {
  if (error instanceof WorkflowUpdateFailedError) return true;
  return (error instanceof ServiceError || isGrpcServiceError(error)) && !isRefusedForGood(error);
}
