import type { GrantStatus } from '../../contracts/connections.ts';
import type { ConnectionState } from '../../contracts/providers.ts';
import type { ConnectedGrant } from '../../db/connections/oauth-token-store.ts';
import { deadlinesOf } from '../../domain/grants/grant-timing.ts';

const STATES: Readonly<Record<ConnectionState, GrantStatus['state']>> = {
  // Before the account owner approves there is no grant to keep.
  connecting: 'needs-reauth',
  active: 'usable',
  degraded: 'degraded',
  'needs-reauth': 'needs-reauth',
  suspended: 'suspended',
  disconnecting: 'gone',
  disconnected: 'gone',
};

export const GONE: GrantStatus = {
  state: 'gone',
  generation: null,
  accessExpiresAt: null,
  refreshAt: null,
  deadlines: [],
};

/** The status of a grant, by which its token manager plans. */
export function statusOf(
  grant: Pick<
    ConnectedGrant,
    'state' | 'generation' | 'accessExpiresAt' | 'refreshExpiresAt' | 'hardExpiresAt' | 'refreshAt'
  >,
): GrantStatus {
  const { state, generation, accessExpiresAt, refreshAt } = grant;
  return {
    state: STATES[state],
    generation,
    accessExpiresAt: accessExpiresAt?.toISOString() ?? null,
    refreshAt: refreshAt?.toISOString() ?? null,
    deadlines: deadlinesOf(grant, refreshAt !== null),
  };
}

/** The status of a connection with a key, which neither expires nor is refreshed, or without credentials. */
export function statusOfKey(state: ConnectionState, generation: number | null): GrantStatus {
  return {
    ...GONE,
    state: generation === null && STATES[state] !== 'gone' ? 'needs-reauth' : STATES[state],
    generation,
  };
}
