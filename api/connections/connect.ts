import { v7 as uuidv7 } from 'uuid';
import type { ConnectionId, VenueId } from '../../contracts/ids.ts';
import type { Environment, ProviderId, Resource } from '../../contracts/providers.ts';
import type { AuditEntry, AuditOf } from '../../db/core/audit-store.ts';
import {
  AccountAlreadyConnectedError,
  DisconnectingError,
  KeyNotReplaceableError,
} from '../../db/connections/connection-store.ts';
import type { Connection, ConnectionStore, NewApiKeyConnection } from '../../db/connections/connection-store.ts';
import { VenueCapError } from '../../db/core/venue-cap.ts';
import type { CredentialValues } from '../../providers/kit/connect-methods.ts';
import { fromStored, toStored } from '../../providers/kit/stored-credentials.ts';
import type { ProviderAccount, ProviderAdapter, ProviderSession } from '../../providers/provider.ts';
import { ProviderError } from '../../providers/provider-error.ts';
import type { Providers } from '../../providers/providers.ts';
import type { Secret } from '../../vault/secret.ts';
import type { Sealer } from '../../vault/vault.ts';
import { VaultError } from '../../vault/vault-error.ts';
import { ADDRESS_NOT_ALLOWED } from '../../providers/http/transport.ts';
import { invalidRequest } from '../http/parse.ts';
import { ApiError } from '../errors/api-error.ts';
import { notFound } from '../errors/not-found.ts';
import { tooManyConnections } from './venue-cap-problems.ts';
import type { DefaultSchedules } from '../schedules/schedules.ts';

export interface ConnectingDeps {
  readonly connections: ConnectionStore;
  readonly providers: Providers;
  readonly sealer: Sealer;
  readonly defaultSchedules: DefaultSchedules;
}

export interface EnteredCredentials {
  readonly provider: ProviderId;
  readonly environment: Environment;
  readonly credentials: CredentialValues;
}

/** Makes the audit row of a stored key, with whether it replaced another. */
export type KeyAudit = (connection: Connection, replaced: boolean) => AuditEntry;

const TEST_TIMEOUT_MS = 15_000;
const PROVIDER_RETRY_AFTER_MS = 5_000;
const VAULT_RETRY_AFTER_MS = 5_000;
const DISCONNECTING_RETRY_AFTER_MS = 2_000;

/**
 * Tests a key at the provider, then seals and stores it. A key for an account that the venue has connected before
 * replaces the old one. Throws ApiError; nothing is stored then.
 */
export async function connectWithKey(
  deps: ConnectingDeps,
  venueId: VenueId,
  entered: EnteredCredentials & { readonly auditOf: KeyAudit },
): Promise<{ readonly connection: Connection; readonly created: boolean }> {
  const account = await testKey(deps.providers, entered, null);
  const { provider, environment, auditOf } = entered;
  const known = await deps.connections.findByAccount(venueId, {
    provider,
    environment,
    externalAccountId: account.externalAccountId,
  });
  const save = (connectionId: ConnectionId, replaced: boolean) =>
    sealAndSave(deps, { venueId, connectionId, entered, account }, (sealed) =>
      deps.connections.saveWithApiKey(sealed, (connection) => auditOf(connection, replaced)),
    );
  try {
    return { connection: await save(known ?? (uuidv7() as ConnectionId), known !== null), created: known === null };
  } catch (error) {
    if (error instanceof DisconnectingError)
      throw new ApiError('connection-disconnecting', 'This account’s connection is being disconnected.', {
        retryAfterMs: DISCONNECTING_RETRY_AFTER_MS,
      });
    if (error instanceof VenueCapError) throw tooManyConnections(error);
    if (!(error instanceof AccountAlreadyConnectedError)) throw error;
    // Somebody connected the same account at the same moment. A key sealed for our id cannot be opened under theirs.
    return { connection: await save(error.connectionId, true), created: false };
  }
}

/**
 * Replaces the key of this very connection, once it is tested and known to be of the same account. Throws ApiError;
 * nothing is stored then.
 */
export async function replaceKey(
  deps: ConnectingDeps,
  connection: Connection,
  { credentials, auditOf }: Pick<EnteredCredentials, 'credentials'> & { readonly auditOf: AuditOf<Connection> },
): Promise<Connection> {
  requireReplaceableKey(connection);
  const { id: connectionId, venueId, provider, environment } = connection;
  const entered = { provider, environment, credentials };
  const account = await testKey(deps.providers, entered, connection.account);
  try {
    return await sealAndSave(deps, { venueId, connectionId, entered, account }, (sealed) =>
      deps.connections.replaceApiKey(sealed, auditOf),
    );
  } catch (error) {
    if (!(error instanceof KeyNotReplaceableError)) throw error;
    // It was disconnected, or connected by consent, while the key was tested.
    const now = await deps.connections.find({ venueId, connectionId });
    if (!now) throw notFound('connection-not-found');
    requireReplaceableKey(now);
    throw error;
  }
}

function requireReplaceableKey({ state, flow }: Connection): void {
  if (state === 'disconnecting' || state === 'disconnected')
    throw new ApiError('connection-not-reauthorizable', `It is ${state}: connect the account again.`);
  if (flow !== null)
    throw new ApiError(
      'credentials-not-replaceable',
      'Its owner’s consent takes the place of a key: have the connection approved anew by POST …/reauthorize.',
    );
}

/**
 * Tests a key: asks the provider for its account, and whether it may read what a sync reads. `own`: the account that it
 * has to be of. Throws ApiError.
 */
async function testKey(
  providers: Providers,
  { provider, environment, credentials }: EnteredCredentials,
  own: Connection['account'],
): Promise<ProviderAccount> {
  const adapter = providers.find(provider);
  const name = adapter?.capabilities.displayName ?? provider;
  if (!adapter?.capabilities.connect.includes('api-key'))
    throw new ApiError('provider-not-supported', `${name} cannot be connected with a secret key.`);
  const signal = AbortSignal.timeout(TEST_TIMEOUT_MS);
  try {
    const session = providers.open(provider, {
      ...fromStored(toStored(credentials)),
      account: null,
      lane: 'interactive',
      signal,
    });
    const account = await session.account();
    if (account.environment !== environment) {
      throw new ApiError(
        'environment-mismatch',
        `This key belongs to ${name}’s ${account.environment} environment, not to ${environment}.`,
      );
    }
    // Before anything of the account is read, because another account is none of the connection's business.
    if (own !== null && account.externalAccountId !== own.id)
      throw new ApiError('wrong-account', `This key belongs to another of ${name}’s accounts than the connection.`);
    await tryReading(adapter, session);
    return account;
  } catch (error) {
    throw toRefusal(error, name, signal);
  }
}

function toRefusal(error: unknown, name: string, signal: AbortSignal): unknown {
  if (error instanceof ProviderError) return refusal(error, name);
  if (error instanceof ApiError || !signal.aborted) return error;
  return new ApiError('provider-unavailable', `${name} did not answer in time.`, {
    cause: error,
    retryAfterMs: PROVIDER_RETRY_AFTER_MS,
  });
}

/**
 * Requests data that does not exist, records of 1970, so that no record is returned; a restricted key is rejected all
 * the same. Reads the first list of every listing stage and every change feed without a token, each once, because
 * resources share lists.
 */
async function tryReading(adapter: ProviderAdapter, session: ProviderSession): Promise<void> {
  const resourceOf = new Map<string, Resource>();
  for (const { resource } of adapter.capabilities.resources) {
    const { listing, changes } = adapter.pullPlan(resource);
    const feeds = changes?.since === 'moment' ? changes.streams.flat() : [];
    for (const { name } of [...listing.flatMap((stage) => stage.slice(0, 1)), ...feeds])
      resourceOf.set(name, resourceOf.get(name) ?? resource);
  }
  // Concurrently, because a person waits for the answer.
  await Promise.all(
    [...resourceOf].map(([stream, resource]) =>
      session.resource(resource).listPage({ stream, fromEpochS: null, toEpochS: 1, after: null }),
    ),
  );
}

/** Passes no cause for the caller's own mistakes, because there is nothing to log. */
function refusal(error: ProviderError, name: string): ApiError {
  const { kind, httpStatus, retryAfterMs = PROVIDER_RETRY_AFTER_MS } = error.details;
  switch (kind) {
    case 'needs-reauth':
      return new ApiError('credentials-refused', `${name} does not accept this key.`);
    case 'rate-limited':
    case 'quota-exhausted':
      return new ApiError('provider-rate-limited', `${name} asks us to slow down.`, { cause: error, retryAfterMs });
    case 'rejected':
    case 'conflict':
      return rejection(error, name);
    case 'unexpected-response':
      return new ApiError(
        'provider-unexpected-response',
        `What answers at the address of ${name}’s API is not its API, or is one that this version does not know${withStatus(httpStatus)}.`,
        { cause: error },
      );
    case 'unavailable':
      return outage(error, name);
  }
}

function rejection(error: ProviderError, name: string): ApiError {
  const { httpStatus, code } = error.details;
  if (code === ADDRESS_NOT_ALLOWED)
    return invalidRequest([{ path: 'credentials', message: 'Names an address that may not be called from here' }]);
  if (httpStatus === 403)
    return new ApiError('credentials-insufficient', `${name} knows this key, but it may not read what a sync needs.`);
  return new ApiError(
    'provider-refused',
    `${name} refused a reading that a sync needs${withStatus(httpStatus)}. That is not the key’s fault.`,
    { cause: error },
  );
}

function outage(error: ProviderError, name: string): ApiError {
  const { httpStatus, code, retryAfterMs = PROVIDER_RETRY_AFTER_MS } = error.details;
  if (code === 'unreachable')
    return new ApiError(
      'provider-unreachable',
      `No connection to ${name}’s API can be made: its host name is unknown, nothing listens there, or TLS fails.`,
      { cause: error, retryAfterMs },
    );
  return new ApiError('provider-unavailable', `${name} did not answer, or is in trouble${withStatus(httpStatus)}.`, {
    cause: error,
    retryAfterMs,
  });
}

const withStatus = (httpStatus: number | undefined): string =>
  httpStatus === undefined ? '' : ` (HTTP ${httpStatus})`;

interface TestedKey {
  readonly venueId: VenueId;
  readonly connectionId: ConnectionId;
  readonly entered: EnteredCredentials;
  readonly account: ProviderAccount;
}

async function sealAndSave(
  deps: ConnectingDeps,
  { venueId, connectionId, entered, account }: TestedKey,
  save: (sealed: NewApiKeyConnection) => Promise<Connection>,
): Promise<Connection> {
  const { provider, environment, credentials } = entered;
  const { secret, fields } = toStored(credentials);
  const sealedKey = await seal(deps.sealer, secret, { venueId, connectionId });
  const connection = await save({
    venueId,
    connectionId,
    provider,
    environment,
    account: { id: account.externalAccountId, name: account.name },
    scopes: account.scopes,
    sealedKey,
    fields,
  });
  await deps.defaultSchedules.ensure(connection);
  return connection;
}

async function seal(
  sealer: Sealer,
  key: Secret,
  ref: { readonly venueId: VenueId; readonly connectionId: ConnectionId },
) {
  try {
    return await sealer.seal(key, { ...ref, purpose: 'provider-api-key' });
  } catch (error) {
    if (!(error instanceof VaultError) || error.kind !== 'key-service-unavailable') throw error;
    throw new ApiError('vault-unavailable', 'The key service cannot be reached.', {
      cause: error,
      retryAfterMs: VAULT_RETRY_AFTER_MS,
    });
  }
}
