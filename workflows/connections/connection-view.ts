import { setCurrentDetails } from '@temporalio/workflow';
import type { GrantStatus } from '../../contracts/connections.ts';
import type { ConnectionState } from '../../contracts/providers.ts';
import { showConnection } from '../search-attributes.ts';

export interface Upkeep {
  readonly trouble: { readonly rounds: number; readonly errorType: string | null } | null;
  /** Warnings already given, as `deadline kind:days`. */
  readonly warned: readonly string[];
  /** Infinity when no refresh is planned. */
  readonly nextRefreshMs: number;
}

/** From this many failed rounds in a row on, operators have to look at the connection. */
const MANY_ROUNDS = 3;
const URGENT = /:(7|1)$/;

/** What the Web UI shows of a connection: states and times only. */
export class ConnectionView {
  /** The attributes that the workflow is started with. */
  #shown = attributesKey('active', null, false);

  show(grant: GrantStatus, upkeep: Upkeep): void {
    const state = stateOf(grant, upkeep);
    const errorType = upkeep.trouble?.errorType ?? (state === 'needs-reauth' ? 'NeedsReauth' : null);
    const needsAttention =
      state === 'needs-reauth' ||
      (upkeep.trouble?.rounds ?? 0) >= MANY_ROUNDS ||
      upkeep.warned.some((key) => URGENT.test(key));
    const key = attributesKey(state, errorType, needsAttention);
    // Skips an upsert that changes nothing, because each one is an event in the history.
    if (key !== this.#shown) showConnection(state, errorType, needsAttention);
    this.#shown = key;
    setCurrentDetails(details(grant, upkeep, state));
  }
}

const attributesKey = (...values: readonly unknown[]): string => JSON.stringify(values);

function stateOf({ state }: GrantStatus, { trouble }: Upkeep): ConnectionState {
  if (state === 'gone') return 'disconnected';
  if (state === 'needs-reauth' || state === 'suspended') return state;
  return trouble || state === 'degraded' ? 'degraded' : 'active';
}

function details(
  { generation, accessExpiresAt, deadlines }: GrantStatus,
  { trouble, nextRefreshMs }: Upkeep,
  state: ConnectionState,
): string {
  return [
    `| connection | ${state} |`,
    '| --- | --- |',
    `| next refresh | ${nextRefreshMs === Infinity ? 'never' : new Date(nextRefreshMs).toISOString()} |`,
    `| token | ${generation === null ? 'none' : `number ${generation}, ${accessExpiresAt === null ? 'does not expire' : `until ${accessExpiresAt}`}`} |`,
    ...deadlines.map(({ kind, at }) => `| ${kind} | ${at} |`),
    ...(trouble
      ? [
          `| refreshes fail | ${trouble.rounds} rounds in a row${trouble.errorType === null ? '' : `: ${trouble.errorType}`} |`,
        ]
      : []),
  ].join('\n');
}
