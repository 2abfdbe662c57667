import type { ConnectionUpkeepActivities, GrantStatus } from '../../contracts/connections.ts';
import type { ConnectionRef } from '../../contracts/ids.ts';
import type { AuditStore } from '../../db/core/audit-store.ts';
import type { ConnectionStore } from '../../db/connections/connection-store.ts';
import type { OAuthTokenStore } from '../../db/connections/oauth-token-store.ts';
import type { SyncRunStore } from '../../db/runs/sync-run-store.ts';
import { describeRevocation, explainTrouble } from '../../domain/grants/grant-advice.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { wakeRuns } from './connection-owner.ts';
import { guarded } from '../failures.ts';
import { GONE, statusOf, statusOfKey } from './grant-status.ts';

export interface ConnectionUpkeepDeps {
  readonly tokens: OAuthTokenStore;
  readonly connections: ConnectionStore;
  readonly runs: SyncRunStore;
  readonly audit: AuditStore;
  readonly log: Logger;
}

type Upkeep = Pick<ConnectionUpkeepActivities, 'readGrant' | 'noteTrouble' | 'noteRevoked' | 'warnOfDeadline'>;

/** The database activities of `keepConnectionFresh`. */
export function createConnectionUpkeepActivities(deps: ConnectionUpkeepDeps): Upkeep {
  return {
    readGrant: (ref) => guarded(() => read(deps, ref)),
    noteTrouble: ({ errorType, generation, ...ref }) =>
      guarded(() => (errorType === null ? recover(deps, ref) : degrade(deps, { ...ref, generation }, errorType))),
    noteRevoked: (input) => guarded(() => noteRevoked(deps, input)),
    warnOfDeadline: (input) => guarded(() => warn(deps, input)),
  };
}

async function read({ tokens, connections }: ConnectionUpkeepDeps, ref: ConnectionRef): Promise<GrantStatus> {
  const grant = await tokens.find(ref);
  if (grant) return statusOf(grant);
  const connection = await connections.find(ref);
  if (!connection) return GONE;
  return statusOfKey(connection.state, (await connections.findApiKey(ref))?.generation ?? null);
}

async function degrade(
  { tokens, connections }: ConnectionUpkeepDeps,
  { generation, ...ref }: ConnectionRef & { readonly generation: number | null },
  errorType: string,
): Promise<void> {
  const grant = await tokens.find(ref);
  // A late attempt, such as one that was frozen: the token has been refreshed since.
  if (grant && generation !== null && grant.generation !== generation) return;
  const tokenEnded = grant?.accessExpiresAt != null && grant.accessExpiresAt <= grant.now;
  await connections.changeState(ref, ['active', 'degraded'], {
    state: 'degraded',
    ...explainTrouble(errorType, tokenEnded),
  });
}

async function recover({ connections, runs }: ConnectionUpkeepDeps, ref: ConnectionRef): Promise<void> {
  await connections.changeState(ref, ['degraded'], { state: 'active', cause: null, nextAction: null });
  await wakeRuns(await runs.listOpen(ref));
}

async function noteRevoked(
  deps: ConnectionUpkeepDeps,
  { generation, why, ...ref }: Parameters<Upkeep['noteRevoked']>[0],
): Promise<void> {
  if (generation === null) return;
  const { tokens, connections, log } = deps;
  const reason = why === 'refused' ? 'access-refused' : why;
  const { venueId, connectionId } = ref;
  const entry = {
    venueId,
    actor: 'keepConnectionFresh',
    action: 'credentials.revoked',
    targetType: 'connection',
    targetId: connectionId,
    outcome: 'ok',
    requestId: null,
    details: { why: reason, generation },
  } as const;
  if (await tokens.find(ref)) {
    if (!(await tokens.markDead({ ...ref, generation }, describeRevocation(reason), entry))) return;
  } else {
    await connections.markNeedsReauth(ref, generation, { ...describeRevocation(reason), audit: entry });
  }
  log.error(
    { alert: 'grant-dead', why: reason, venueId, connectionId },
    'a connection needs its owner’s approval again',
  );
}

async function warn(
  { audit, log }: ConnectionUpkeepDeps,
  { venueId, connectionId, kind, at, daysLeft }: Parameters<Upkeep['warnOfDeadline']>[0],
): Promise<void> {
  await audit.record({
    venueId,
    actor: 'keepConnectionFresh',
    action: 'connection.expiry-warned',
    targetType: 'connection',
    targetId: connectionId,
    outcome: 'ok',
    requestId: null,
    details: { kind, at, daysLeft },
  });
  log.warn({ venueId, connectionId, kind, at, daysLeft }, 'the grant of a connection ends soon');
}
