import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { GrantTrial, TokenActivities } from '../../contracts/connections.ts';
import { FAILURE } from '../../contracts/failures.ts';
import type { ConnectionRef } from '../../contracts/ids.ts';
import type { ProviderId } from '../../contracts/providers.ts';
import type { AccessCheckStore } from '../../db/connections/access-check-store.ts';
import type { ConnectedGrant, OAuthTokenStore } from '../../db/connections/oauth-token-store.ts';
import { ProviderError } from '../../providers/provider-error.ts';
import type { Providers } from '../../providers/providers.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Opener } from '../../vault/vault.ts';
import { guarded } from '../failures.ts';
import { openGrant } from './sealed-grant.ts';

export interface ProbeGrantDeps {
  readonly tokens: OAuthTokenStore;
  readonly accessChecks: Pick<AccessCheckStore, 'begin'>;
  readonly providers: Providers;
  readonly vault: Opener;
  readonly log: Logger;
}

/** Below the activity's own timeout. */
const CALL_TIMEOUT_MS = 20_000;
/** More than clocks may differ: a token that has expired only by the provider's clock would look revoked. */
const SHORTEST_REST_MS = 15 * 60_000;

/**
 * Tests a stored grant at the provider, and counts the check. Neither refreshes the grant nor changes its connection.
 */
export function createProbeGrantActivities(deps: ProbeGrantDeps): Pick<TokenActivities, 'tryGrant'> {
  return { tryGrant: (input) => guarded(() => tryGrant(deps, input)) };
}

async function tryGrant(
  deps: ProbeGrantDeps,
  input: ConnectionRef & { readonly provider: ProviderId },
): Promise<GrantTrial> {
  // Counted before the grant is read and the provider asked, because a webhook that arrives later may be about more
  // than this check can see.
  await deps.accessChecks.begin(input);
  const grant = await deps.tokens.find(input);
  if (!grant) return { outcome: 'gone', generation: null };
  const { generation, accessExpiresAt, now } = grant;
  if (accessExpiresAt !== null && accessExpiresAt.getTime() - now.getTime() < SHORTEST_REST_MS)
    return { outcome: 'expired', generation };
  const outcome = (await isAccepted(deps, input, grant)) ? 'accepted' : 'refused';
  if (outcome === 'accepted')
    deps.log.info(
      { venueId: input.venueId, connectionId: input.connectionId, provider: input.provider },
      'word of a revocation was not about the grant that is there: the provider accepts it',
    );
  return { outcome, generation };
}

async function isAccepted(
  { providers, vault }: ProbeGrantDeps,
  input: ConnectionRef & { readonly provider: ProviderId },
  grant: ConnectedGrant,
): Promise<boolean> {
  const { provider } = input;
  const adapter = providers.oauth(provider, grant.flow);
  if (!adapter)
    throw ApplicationFailure.nonRetryable(
      `${provider} is not set up here for the flow ${grant.flow}`,
      FAILURE.unavailable,
    );
  const signal = AbortSignal.any([Context.current().cancellationSignal, AbortSignal.timeout(CALL_TIMEOUT_MS)]);
  try {
    await adapter.account(
      await openGrant(vault, input, grant),
      providers.calls(provider, { account: grant, lane: 'interactive', signal }),
    );
    return true;
  } catch (error) {
    if (error instanceof ProviderError && error.details.kind === 'needs-reauth') return false;
    throw error;
  }
}
