import { Context } from '@temporalio/activity';
import type {
  AuthorizationExchangeActivities,
  AuthorizationOutcome,
  AuthorizationRefusal,
  ExchangeInput,
  SealedText,
} from '../../contracts/connections.ts';
import type { ConnectionId } from '../../contracts/ids.ts';
import type { SealedSecret } from '../../contracts/vault.ts';
import type { Attempt, AuthorizationStore } from '../../db/connections/authorization-store.ts';
import type { ConnectionStore } from '../../db/connections/connection-store.ts';
import type { OAuthTokenStore } from '../../db/connections/oauth-token-store.ts';
import type { Grant, OAuthAdapter } from '../../providers/oauth.ts';
import type { ProviderAccount } from '../../providers/provider.ts';
import { patientTimeout } from '../../providers/http/patient-timeout.ts';
import { ProviderError } from '../../providers/provider-error.ts';
import type { Providers } from '../../providers/providers.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Opener, PreparedSeal, PreparingSealer } from '../../vault/vault.ts';
import { EXCHANGE_TIMEOUT_MS, exchangeOnce, untilItWorks } from './exchange-code.ts';
import type { ExchangingDeps } from './exchange-code.ts';
import { describe, toFailure } from '../failures.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { exchangeSealContext, grantSealContext, grantText, newGrant, sealGrant } from './sealed-grant.ts';
import type { ExchangedGrant } from './sealed-grant.ts';

export interface AuthorizingDeps extends ExchangingDeps {
  readonly authorizations: AuthorizationStore;
  readonly connections: ConnectionStore;
  readonly tokens: OAuthTokenStore;
  readonly providers: Providers;
  readonly vault: Opener;
  readonly sealer: PreparingSealer;
  readonly log: Logger;
}

/** Timeout of the requests about the account. */
const IDENTIFYING_TIMEOUT_MS = 20_000;
/** Longest outage of the database or the key service that is waited out before the activity's next attempt. */
const STORING_LIMIT_MS = 15_000;

export function createAuthorizingActivities(deps: AuthorizingDeps): AuthorizationExchangeActivities {
  return {
    async exchangeAuthorization(input) {
      const attempt = { ...input, attemptId: Context.current().info.workflowExecution?.workflowId ?? '' };
      try {
        return await withHeartbeat(() => exchange(deps, input, attempt));
      } catch (error) {
        deps.log.warn(
          {
            venueId: input.venueId,
            connectionId: input.connectionId,
            provider: input.provider,
            cause: describe(error),
          },
          'exchange of an authorisation code interrupted',
        );
        throw toFailure(error, false);
      }
    },
  };
}

/**
 * Each step detects what an earlier attempt has done, so that the whole can be retried. Throws what a retry may
 * resolve.
 */
async function exchange(deps: AuthorizingDeps, input: ExchangeInput, attempt: Attempt): Promise<AuthorizationOutcome> {
  const connected = await deps.authorizations.findConnected(attempt);
  if (connected !== null) return { outcome: 'connected', connectionId: connected };
  const refused = (code: AuthorizationRefusal): AuthorizationOutcome => ({
    outcome: 'refused',
    connectionId: input.connectionId,
    code,
  });

  const adapter = deps.providers.oauth(input.provider, input.flow);
  if (!adapter) return refused('app-refused');
  const seals = await prepareSeals(deps, input);
  const exchanged = await obtain(deps, { input, attempt, adapter, seals });
  if (typeof exchanged === 'string') return refused(exchanged);
  const granted = await identify(deps, { input, adapter, exchanged });
  if (typeof granted === 'string') return refused(granted);

  if (granted.account.environment !== input.environment) return refused('environment-mismatch');
  const sealed = sealedOnce(deps, { attempt, prepared: seals.stored, grant: granted.grant });
  return untilItWorks(async () => {
    const stored = await store(deps, attempt, { ...granted, adapter, sealed });
    return stored.status === 'connected'
      ? { outcome: 'connected', connectionId: stored.connectionId }
      : refused(stored.code);
  }, AbortSignal.timeout(STORING_LIMIT_MS));
}

interface Seals {
  /** Seals what the code brings until it is stored. */
  readonly exchanged: PreparedSeal;
  /** Seals the grant as it is stored. */
  readonly stored: PreparedSeal;
}

/** Prepared before the code is sent, so that its grant can be sealed even if the key service fails meanwhile. */
async function prepareSeals({ sealer }: AuthorizingDeps, { venueId, connectionId }: ExchangeInput): Promise<Seals> {
  const ref = { venueId, connectionId };
  return {
    exchanged: await sealer.prepare(exchangeSealContext(ref)),
    stored: await sealer.prepare(grantSealContext(ref)),
  };
}

interface Obtaining {
  readonly input: ExchangeInput;
  readonly attempt: Attempt;
  readonly adapter: OAuthAdapter;
  readonly seals: Seals;
}

async function obtain(
  deps: AuthorizingDeps,
  { input, attempt, adapter, seals }: Obtaining,
): Promise<ExchangedGrant | AuthorizationRefusal> {
  const { venueId, connectionId, provider, callback, sealedVerifier, redirectUri } = input;
  const context = { venueId, connectionId, purpose: 'authorization' } as const;
  const [code, codeVerifier] = [
    await deps.vault.open(unpack(callback.sealedCode), context),
    await deps.vault.open(unpack(sealedVerifier), context),
  ];
  const databaseAheadMs = await deps.tokens.clockAheadMs();
  // Not aborted by a worker's shutdown, because an unread answer is a lost grant.
  const { signal } = patientTimeout(EXCHANGE_TIMEOUT_MS);
  const calls = deps.providers.calls(provider, { account: null, lane: 'interactive', signal });
  return exchangeOnce(deps, {
    exchange: { venueId, connectionId, attemptId: attempt.attemptId },
    adapter,
    request: { code, codeVerifier, redirectUri, parameters: parametersOf(callback) },
    seal: seals.exchanged,
    calls,
    databaseAheadMs,
    signal: Context.current().cancellationSignal,
  });
}

const unpack = (text: SealedText) => new Uint8Array(Buffer.from(text, 'base64')) as SealedSecret;

interface Granted {
  readonly grant: ExchangedGrant;
  readonly account: ProviderAccount;
}

/** Asks whose account the grant is for. Safe to repeat. */
async function identify(
  deps: AuthorizingDeps,
  {
    input,
    adapter,
    exchanged,
  }: { readonly input: ExchangeInput; readonly adapter: OAuthAdapter; readonly exchanged: ExchangedGrant },
): Promise<Granted | AuthorizationRefusal> {
  const signal = AbortSignal.any([Context.current().cancellationSignal, AbortSignal.timeout(IDENTIFYING_TIMEOUT_MS)]);
  const calls = deps.providers.calls(input.provider, { account: null, lane: 'interactive', signal });
  try {
    const account = await untilItWorks(() => adapter.account(exchanged, calls), signal);
    return {
      grant: { ...exchanged, scopes: account.scopes, context: { ...exchanged.context, ...account.context } },
      account,
    };
  } catch (error) {
    const refusal = error instanceof ProviderError ? refusalOf(error) : null;
    if (refusal === null) throw error;
    return refusal;
  }
}

/** Null when a retry may resolve it. An unreadable answer has been requested repeatedly by now. */
function refusalOf({ details: { kind, httpStatus, code } }: ProviderError): AuthorizationRefusal | null {
  if (code === 'invalid_client') return 'app-refused';
  if (kind === 'needs-reauth') return 'access-refused';
  if (kind === 'unexpected-response') return 'provider-unexpected';
  if (kind !== 'rejected' && kind !== 'conflict') return null;
  return httpStatus === 403 ? 'permissions-missing' : 'provider-refused';
}

type Stored =
  | { readonly status: 'connected'; readonly connectionId: ConnectionId }
  | { readonly status: 'refused'; readonly code: AuthorizationRefusal };

type SealFor = (connectionId: ConnectionId) => Promise<SealedSecret>;

/** Seals the grant for a connection once: a prepared seal works once, and storing may take several tries. */
function sealedOnce(
  { sealer }: AuthorizingDeps,
  { attempt, prepared, grant }: { readonly attempt: Attempt; readonly prepared: PreparedSeal; readonly grant: Grant },
): SealFor {
  const done = new Map<ConnectionId, SealedSecret>();
  return async (connectionId) => {
    const known = done.get(connectionId);
    if (known) return known;
    const sealed =
      connectionId === attempt.connectionId
        ? await prepared(grantText(grant))
        : await sealGrant(sealer, { venueId: attempt.venueId, connectionId }, grant);
    done.set(connectionId, sealed);
    return sealed;
  };
}

interface Storable extends Granted {
  readonly adapter: OAuthAdapter;
  readonly sealed: SealFor;
}

async function store(
  { authorizations, connections }: AuthorizingDeps,
  attempt: Attempt,
  { grant, account, adapter, sealed }: Storable,
): Promise<Stored> {
  const { venueId, provider, environment, reauthorize } = attempt;
  const known = reauthorize
    ? null
    : await connections.findByAccount(venueId, { provider, environment, externalAccountId: account.externalAccountId });
  let connectionId = known ?? attempt.connectionId;
  for (;;) {
    const stored = await authorizations.store(attempt, {
      account: { id: account.externalAccountId, name: account.name },
      connectionId,
      // The times of an exchanged grant are by the database's clock already.
      grant: {
        ...newGrant({ venueId, connectionId }, grant, {
          adapter,
          sealedTokens: await sealed(connectionId),
          obtainedAt: grant.obtainedAt,
          databaseAheadMs: 0,
        }),
        authorizedBy: attempt.attemptId,
      },
    });
    if (stored.status === 'refused') return stored;
    if (stored.status === 'connected') return { status: 'connected', connectionId };
    // Somebody connected the same account at the same moment. A grant sealed for our id cannot be opened under theirs.
    connectionId = stored.connectionId;
  }
}

/** Attempts that an earlier version began have only the one parameter of that time. */
const parametersOf = ({ parameters, realmId }: ExchangeInput['callback']): Readonly<Record<string, string>> =>
  parameters ?? (realmId === undefined ? {} : { realmId });
