import type { AccountConnections } from '../../db/connections/account-connections.ts';
import type { AuthorizationExchangeStore, GrantedExchange } from '../../db/connections/authorization-exchange-store.ts';
import { ProviderError } from '../../providers/provider-error.ts';
import type { Providers } from '../../providers/providers.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Opener } from '../../vault/vault.ts';
import { untilItWorks } from './exchange-code.ts';
import { describe } from '../failures.ts';
import { openExchanged } from './sealed-grant.ts';

export interface RejectedGrantDeps {
  readonly exchanges: AuthorizationExchangeStore;
  readonly accountConnections: AccountConnections;
  readonly providers: Providers;
  readonly vault: Opener;
  readonly log: Logger;
}

export type RejectedAttempt = GrantedExchange;

export type RejectedRevocation = 'revoked' | 'already-gone' | 'not-supported' | 'shared';

/** Below the activity's own timeout. */
const REVOKE_LIMIT_MS = 15_000;

/**
 * Revokes at the provider the grant of a refused attempt, which nobody would use or know of. Leaves it when another
 * connection uses the same account, because some providers end all grants of an account at once, and when its account
 * is unknown. Never throws, because the attempt is refused either way. Null when it brought no grant.
 */
export async function revokeRejected(
  deps: RejectedGrantDeps,
  attempt: RejectedAttempt,
): Promise<RejectedRevocation | 'failed' | null> {
  const { venueId, connectionId, provider } = attempt;
  const about = { venueId, connectionId, provider };
  try {
    const revocation = await tryToRevoke(deps, attempt);
    if (revocation !== null)
      deps.log.info({ ...about, revocation }, 'the access that a refused attempt to connect has brought');
    return revocation;
  } catch (error) {
    deps.log.warn(
      { ...about, cause: describe(error) },
      'the access that a refused attempt to connect has brought could not be revoked at the provider',
    );
    return 'failed';
  }
}

/** Null when the attempt brought no grant. */
async function tryToRevoke(
  { exchanges, accountConnections, providers, vault }: RejectedGrantDeps,
  attempt: RejectedAttempt,
): Promise<RejectedRevocation | null> {
  const { provider, flow } = attempt;
  const sealedGrant = await exchanges.findGranted(attempt);
  if (sealedGrant === null) return null;
  const adapter = providers.oauth(provider, flow);
  if (!adapter?.revoke) return 'not-supported';
  const { revoke, environment } = adapter;
  const grant = await openExchanged(vault, attempt, sealedGrant);
  const externalAccountId = adapter.accountIdOf(grant);
  if (externalAccountId === null) return 'not-supported';
  const users = await accountConnections.findGranted({ provider, environment, externalAccountId });
  if (users.length > 0) return 'shared';
  const signal = AbortSignal.timeout(REVOKE_LIMIT_MS);
  try {
    await untilItWorks(
      () =>
        revoke(
          grant,
          providers.calls(provider, { account: { environment, externalAccountId }, lane: 'interactive', signal }),
        ),
      signal,
    );
    return 'revoked';
  } catch (error) {
    if (error instanceof ProviderError && error.details.kind === 'needs-reauth') return 'already-gone';
    throw error;
  }
}
