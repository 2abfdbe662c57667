import type { GrantDeadline } from '../../contracts/connections.ts';
import type { ConnectionId } from '../../contracts/ids.ts';
import type { ProviderId } from '../../contracts/providers.ts';
import { deadlinesOf } from './grant-timing.ts';
import type { GrantTimes } from './grant-timing.ts';

/** A connected account's grant, as input of the forecast. */
export interface ForecastGrant extends GrantTimes {
  readonly connectionId: ConnectionId;
  readonly provider: ProviderId;
  readonly refreshable: boolean;
}

export interface ForecastEntry {
  readonly connectionId: ConnectionId;
  readonly provider: ProviderId;
  /** ISO 8601 UTC. */
  readonly date: string;
  readonly kind: GrantDeadline;
  readonly why: string;
  readonly action: string;
  /** Whole days; 0 on the last day and afterwards. */
  readonly daysLeft: number;
}

const DAY_MS = 24 * 60 * 60_000;

const WHY: Readonly<Record<GrantDeadline, Pick<ForecastEntry, 'why' | 'action'>>> = {
  'refresh-token-idle': {
    why: 'The provider ends a grant that has not been refreshed for so long.',
    action:
      'Nothing while the connection is active: it is refreshed long before, and the date moves. Otherwise have the account’s owner approve again by then.',
  },
  'refresh-token-hard-limit': {
    why: 'The provider ends every grant at this age, however much it is used.',
    action: 'Have the account’s owner approve again before this date: reauthorize the connection.',
  },
  'access-token-expiry': {
    why: 'The provider ends the access at this time and offers no way to renew it.',
    action: 'Have the account’s owner approve again before this date: reauthorize the connection.',
  },
};

/** Every grant with a deadline, earliest deadline first. */
export function forecast(grants: readonly ForecastGrant[], now: Date): readonly ForecastEntry[] {
  return grants
    .flatMap(({ connectionId, provider, refreshable, ...times }) =>
      deadlinesOf(times, refreshable).map(({ kind, at }) => ({
        connectionId,
        provider,
        date: at,
        kind,
        ...WHY[kind],
        daysLeft: Math.max(0, Math.floor((Date.parse(at) - now.getTime()) / DAY_MS)),
      })),
    )
    .toSorted((a, b) => a.date.localeCompare(b.date) || a.connectionId.localeCompare(b.connectionId));
}
