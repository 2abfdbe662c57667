import type { KeepConnectionFreshInput } from '../../contracts/connections.ts';
import type { ConnectionId } from '../../contracts/ids.ts';
import type { AccessCheckStore } from '../../db/connections/access-check-store.ts';
import type { AccountConnections, AccountRef } from '../../db/connections/account-connections.ts';
import { isDatabaseAway } from '../../db/core/outage.ts';
import type { DueEvent, InboxStore, PartitionLease, SettledEvent } from '../../db/webhooks/inbox-store.ts';
import { grpcStatusOf, isRefusedForGood } from '../../domain/errors/grpc-status.ts';
import { pauseBeforeRetryMs } from '../../domain/inbox/event-retry.ts';
import { meaningOf } from '../../providers/kit/webhook-definition.ts';
import type { Providers } from '../../providers/providers.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { describe } from '../failures.ts';

export interface ApplyingDeps {
  readonly inbox: Pick<InboxStore, 'settle'>;
  readonly accountConnections: AccountConnections;
  readonly accessChecks: Pick<AccessCheckStore, 'readUnsignalled' | 'noteSignalled'>;
  readonly providers: Pick<Providers, 'definition'>;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Tells the connection's token manager that the provider reported a revocation. */
  readonly signalRevoked: (connection: KeepConnectionFreshInput) => Promise<void>;
}

type Outcome = Omit<SettledEvent, 'id'>;

const NOTHING = { errorCode: null, dueInMs: null, effect: null } as const;

/**
 * Handles a batch of one partition's events, and marks all of them with their effects in one transaction. A failing
 * event is marked to be tried again, or as dead, and does not hold up the others. Throws when the database or Temporal
 * is away, which says nothing about an event: then no event is marked, and all are handled again.
 */
export async function applyEvents(
  deps: ApplyingDeps,
  lease: PartitionLease,
  events: readonly DueEvent[],
): Promise<void> {
  const asked = new Map<string, Promise<readonly ConnectionId[]>>();
  // One check of an account's grants serves every event of the batch, because all were received before it.
  const askForChecks = (account: AccountRef) => {
    const key = `${account.provider}/${account.environment}/${account.externalAccountId}`;
    const asking = asked.get(key) ?? requestAccessChecks(deps, account);
    asked.set(key, asking);
    return asking;
  };
  const settled: SettledEvent[] = [];
  for (const event of events) settled.push({ id: event.id, ...(await outcomeOf(deps, event, askForChecks)) });
  await deps.inbox.settle(lease, settled);
}

async function outcomeOf(
  deps: ApplyingDeps,
  event: DueEvent,
  askForChecks: (account: AccountRef) => Promise<readonly ConnectionId[]>,
): Promise<Outcome> {
  const { provider, type, account } = event;
  const definition = deps.providers.definition(provider)?.webhooks;
  if (!definition?.events) return { ...NOTHING, state: 'waiting-for-adapter' };
  if (meaningOf(definition, type) === null) return { ...NOTHING, state: 'ignored' };
  if (account === null) return dead(deps, event, 'account-missing');
  try {
    const connections = await askForChecks({ provider, ...account });
    return { ...NOTHING, state: 'applied', effect: { kind: 'access-check', connections } };
  } catch (error) {
    if (isDatabaseAway(error) || isTemporalAway(error)) throw error;
    return afterFailure(deps, event, error);
  }
}

function afterFailure(deps: ApplyingDeps, event: DueEvent, error: unknown): Outcome {
  const dueInMs = pauseBeforeRetryMs(event.attempts + 1);
  if (dueInMs === null) return dead(deps, event, 'internal');
  const { id: eventId, provider, attempts } = event;
  deps.log.warn(
    { eventId, provider, attempts: attempts + 1, cause: describe(error) },
    'an event could not be applied: it is tried again',
  );
  return { ...NOTHING, state: 'retrying', errorCode: 'internal', dueInMs };
}

function dead({ log }: ApplyingDeps, { id: eventId, provider }: DueEvent, errorCode: string): Outcome {
  log.warn({ eventId, provider, code: errorCode }, 'an event is dead: it is not tried again unless it is replayed');
  return { ...NOTHING, state: 'dead', errorCode };
}

/** Temporal's client throws errors with a gRPC status. */
const isTemporalAway = (error: unknown): boolean => grpcStatusOf(error) !== null && !isRefusedForGood(error);

/**
 * Has the owner of every connection to the account check its grant. When it resolves, a signal for each is in Temporal
 * that the owner has yet to act on: one that waits there already serves any number of events. Returns the connections.
 */
async function requestAccessChecks(
  { accountConnections, accessChecks, signalRevoked, log }: ApplyingDeps,
  account: AccountRef,
): Promise<readonly ConnectionId[]> {
  const { provider } = account;
  const connections = await accountConnections.findGranted(account);
  await Promise.all(
    connections.map(async (connection) => {
      const checks = await accessChecks.readUnsignalled(connection);
      if (checks === null) return;
      await signalRevoked({ ...connection, provider });
      await accessChecks.noteSignalled(connection, checks);
    }),
  );
  log.info({ provider, connections: connections.length }, 'a provider has sent word that an access was taken back');
  return connections.map(({ connectionId }) => connectionId);
}
