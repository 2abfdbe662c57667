import type { KeepConnectionFreshInput } from '../../contracts/connections.ts';
import type { ConnectionId, WebhookEventId } from '../../contracts/ids.ts';
import type { AccessCheckStore } from '../../db/connections/access-check-store.ts';
import type { AccountConnections, AccountRef } from '../../db/connections/account-connections.ts';
import { isDatabaseAway } from '../../db/core/outage.ts';
import { EventTakenError, PartitionTakenOverError } from '../../db/webhooks/inbox-store.ts';
import type { DueEvent, Settle } from '../../db/webhooks/inbox-store.ts';
import type { SettledEvent } from '../../db/webhooks/settled-events.ts';
import { grpcStatusOf, isRefusedForGood } from '../../domain/errors/grpc-status.ts';
import { pauseBeforeRetryMs } from '../../domain/inbox/event-retry.ts';
import { cleanDeep } from '../../domain/reference/foreign-text.ts';
import { decodeEvent, meaningOf } from '../../providers/kit/webhook-definition.ts';
import type { EventChange, WebhookDefinition } from '../../providers/kit/webhook-definition.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { AccountTargets, AwayTarget, EventTarget, RecordEffect } from '../../db/webhooks/event-record-store.ts';
import { describe } from '../failures.ts';
import { codeOf } from './event-failures.ts';
import type { ChangeEvent } from './event-work.ts';
import { RecordEvents } from './record-events.ts';
import type { RecordEventDeps } from './record-events.ts';

export interface ApplyingDeps extends RecordEventDeps {
  readonly accountConnections: AccountConnections;
  readonly accessChecks: Pick<AccessCheckStore, 'readUnsignalled' | 'noteSignalled'>;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Tells the connection's token manager that the provider reported a revocation. */
  readonly signalRevoked: (connection: KeepConnectionFreshInput) => Promise<void>;
  /** Marks events that change no record, more cheaply than settling them. Left out: there is no such way. */
  readonly mark?: (events: readonly SettledEvent[]) => Promise<void>;
}

type AnyWebhooks = Pick<WebhookDefinition<never>, 'encoding' | 'changesIn'>;
type Outcome = Omit<SettledEvent, 'id'>;
type Changing = ChangeEvent & {
  readonly account: EventAccount;
  /** What it would change of connections that cannot be used now. */
  readonly missedBy: readonly AwayTarget[];
};

interface EventAccount extends AccountRef {
  /** The only connection that the event may have an effect on; null: any to the account. */
  readonly only: ConnectionId | null;
}

const NOTHING = { errorCode: null, dueInMs: null, effect: null } as const;
const APPLIED: Outcome = { ...NOTHING, state: 'applied' };
const IGNORED: Outcome = { ...NOTHING, state: 'ignored' };

/**
 * Handles a batch of one partition's events, and marks all of them with their effects in one transaction. Events that
 * have to be read again at their provider follow in a second one, so that no neighbour waits for them. A failing event
 * is marked to be tried again, or as dead, and does not hold up the others. Throws when the database or Temporal is
 * away, which says nothing about an event: then no event is marked, and all are handled again.
 */
export async function applyEvents(
  deps: ApplyingDeps,
  settle: SettleEvents,
  events: readonly DueEvent[],
): Promise<readonly SettledEvent[]> {
  try {
    return await applyTogether(deps, settle, events);
  } catch (error) {
    if (isAway(error) || error instanceof PartitionTakenOverError || error instanceof EventTakenError) throw error;
    const [event] = events;
    if (event && events.length === 1) {
      const settled = { id: event.id, ...afterFailure(deps, event, { code: codeOf(error), cause: error }) };
      await settle(() => Promise.resolve([settled]));
      return [settled];
    }
    const settled: SettledEvent[] = [];
    for (const one of events) settled.push(...(await applyEvents(deps, settle, [one])));
    return settled;
  }
}

/** Runs work in the transaction that marks events, as long as the caller still may. */
export type SettleEvents = (work: Settle) => Promise<void>;

/** Throws when one event fails in a way that says nothing about which. */
async function applyTogether(
  deps: ApplyingDeps,
  settle: SettleEvents,
  events: readonly DueEvent[],
): Promise<readonly SettledEvent[]> {
  const sorted = await sort(deps, events);
  if (deps.mark && sorted.changing.length === 0) {
    await deps.mark(sorted.settled);
    return sorted.settled;
  }
  const records = RecordEvents.prepare(deps, sorted.changing);
  const settled = new Map<WebhookEventId, SettledEvent>();
  // A transaction may be repeated: the last outcome of an event counts.
  const note = (outcomes: readonly SettledEvent[]) => {
    for (const one of outcomes) settled.set(one.id, one);
    return outcomes;
  };
  await settle(async (tx, storeEach) => {
    await deps.eventRecords.noteEffects(tx, sorted.changing.flatMap(missesOf));
    await records.applyTold(tx, storeEach);
    const told = sorted.changing.filter(({ id }) => !records.open.has(id));
    return note([...sorted.settled, ...told.map(({ id }) => ({ id, ...APPLIED }))]);
  });
  const left = events.filter(({ id }) => records.open.has(id));
  if (left.length > 0) {
    const applyRead = await records.read();
    await settle(async (tx, storeEach) => {
      await applyRead(tx, storeEach);
      return note(
        left.map((event) => {
          const pauseMs = records.deferred.get(event.id);
          if (pauseMs !== undefined) return { id: event.id, ...NOTHING, state: 'waiting' as const, dueInMs: pauseMs };
          const code = records.open.get(event.id);
          return { id: event.id, ...(code == null ? APPLIED : afterFailure(deps, event, { code })) };
        }),
      );
    });
  }
  return [...settled.values()];
}

/** Kept as effects, by which the sweep finds what to repeat once the connection can be used again. */
const missesOf = ({ id: eventId, missedBy }: Changing): readonly RecordEffect[] =>
  missedBy.map((target) => ({ eventId, target, kind: 'skipped', recordId: null, reason: target.state }));

interface Sorted {
  readonly settled: readonly SettledEvent[];
  readonly changing: readonly Changing[];
}

/** Handles what changes no record, and tells the rest apart. */
async function sort(deps: ApplyingDeps, events: readonly DueEvent[]): Promise<Sorted> {
  const askForChecks = perAccount((account) => requestAccessChecks(deps, account));
  const targets = await findTargets(deps, events);
  const settled: SettledEvent[] = [];
  const changing: Changing[] = [];
  for (const event of events) {
    const outcome = await outcomeOf(deps, event, { askForChecks, targets });
    if ('state' in outcome) settled.push({ id: event.id, ...outcome });
    else changing.push(outcome);
  }
  return { settled, changing };
}

/** Asks once per account and batch. One answer serves every event, because all were received before. */
function perAccount<T>(ask: (account: EventAccount) => Promise<T>) {
  const asked = new Map<string, Promise<T>>();
  return (account: EventAccount): Promise<T> => {
    const key = keyOf(account);
    const found = asked.get(key) ?? ask(account);
    asked.set(key, found);
    return found;
  };
}

const keyOf = ({ provider, environment, externalAccountId, only }: EventAccount): string =>
  `${provider}/${environment}/${externalAccountId}/${only ?? ''}`;

const NO_TARGETS: AccountTargets = { usable: [], away: [] };

interface Targets {
  readonly account: EventAccount;
  readonly targets: AccountTargets;
}

/** What connections pull from the accounts of events that tell of changes, in one query for the batch, by `keyOf`. */
async function findTargets(deps: ApplyingDeps, events: readonly DueEvent[]): Promise<ReadonlyMap<string, Targets>> {
  const accounts = new Map<string, EventAccount>();
  for (const { provider, type, account, connectionId: only } of events) {
    const definition = deps.providers.definition(provider)?.webhooks;
    if (account === null || !definition || meaningOf(definition, type) !== 'changed') continue;
    const whose = { provider, ...account, only };
    accounts.set(keyOf(whose), whose);
  }
  const found = await deps.eventRecords.findTargets([...accounts.values()]);
  return new Map(
    [...accounts].map(([key, account], index) => {
      const { usable, away } = found[index] ?? NO_TARGETS;
      const takes = ({ connectionId }: AwayTarget | EventTarget) =>
        account.only === null || connectionId === account.only;
      return [key, { account, targets: { usable: usable.filter(takes), away: away.filter(takes) } }];
    }),
  );
}

interface PerAccount {
  readonly askForChecks: ReturnType<typeof perAccount<readonly ConnectionId[]>>;
  readonly targets: ReadonlyMap<string, Targets>;
}

async function outcomeOf(deps: ApplyingDeps, event: DueEvent, ask: PerAccount): Promise<Outcome | Changing> {
  const { provider, type, account } = event;
  const definition = deps.providers.definition(provider)?.webhooks;
  if (!definition?.events) return { ...NOTHING, state: 'waiting-for-adapter' };
  const meaning = meaningOf(definition, type);
  if (meaning === null) return IGNORED;
  if (account === null) return withoutAccount(deps, event);
  try {
    const whose = { provider, ...account, only: event.connectionId };
    if (meaning === 'changed')
      return changesOf(deps, event, ask.targets.get(keyOf(whose)) ?? { account: whose, targets: NO_TARGETS });
    const connections = await ask.askForChecks(whose);
    return { ...APPLIED, effect: { kind: 'access-check', connections } };
  } catch (error) {
    if (isAway(error)) throw error;
    return afterFailure(deps, event, { code: codeOf(error), cause: error });
  }
}

/** What an event changes, and what connections miss of it; not even read where no connection pulls from its account. */
function changesOf(deps: ApplyingDeps, event: DueEvent, { account, targets }: Targets): Outcome | Changing {
  const takes = ({ connectionId }: AwayTarget | EventTarget) => event.againFor?.includes(connectionId) ?? true;
  const [usable, away] = [targets.usable.filter(takes), targets.away.filter(takes)];
  // One that is handled again had effects before, which other venues may still see.
  const nothing: Outcome = event.againFor === null ? IGNORED : APPLIED;
  if (usable.length + away.length === 0) return nothing;
  if (event.body === null) return giveUp(deps, event, 'body-expired');
  const changes = readChangesIn(deps.providers.definition(event.provider)?.webhooks, event.body);
  if (changes.length === 0) return giveUp(deps, event, 'unreadable');
  const isAbout = (target: AwayTarget | EventTarget) => changes.some(({ resource }) => resource === target.resource);
  const [own, missedBy] = [usable.filter(isAbout), away.filter(isAbout)];
  if (own.length + missedBy.length === 0) return nothing;
  return { id: event.id, changes, targets: own, account, missedBy };
}

/** The event was parsed when it was received. Cleaned like then, because Postgres rejects some text. */
function readChangesIn(definition: AnyWebhooks | undefined, body: Uint8Array): readonly EventChange[] {
  if (!definition?.changesIn) return [];
  return definition.changesIn(cleanDeep(decodeEvent(definition, new TextDecoder().decode(body))));
}

/**
 * At a connection's own address, an event has no account when it names another than the connection's: whoever knows the
 * address's secret could name any. That is no failure of ours, and a venue could make any number of them.
 */
function withoutAccount(deps: ApplyingDeps, event: DueEvent): Outcome {
  const { id: eventId, provider, connectionId } = event;
  if (connectionId === null) return giveUp(deps, event, 'account-missing');
  deps.log.info({ eventId, provider, connectionId }, 'an event names another account than its address belongs to');
  return IGNORED;
}

interface Failed {
  readonly code: string;
  readonly cause?: unknown;
}

function afterFailure(deps: ApplyingDeps, event: DueEvent, { code, cause }: Failed): Outcome {
  const dueInMs = pauseBeforeRetryMs(event.attempts + 1);
  if (dueInMs === null) return giveUp(deps, event, code);
  const { id: eventId, provider, attempts } = event;
  deps.log.warn(
    { eventId, provider, attempts: attempts + 1, code, ...(cause !== undefined && { cause: describe(cause) }) },
    'an event could not be applied: it is tried again',
  );
  return { ...NOTHING, state: 'retrying', errorCode: code, dueInMs };
}

/** The one place where an event becomes dead: nothing is tried any more unless it is replayed. */
function giveUp({ log }: ApplyingDeps, { id: eventId, provider }: DueEvent, cause: string): Outcome {
  log.warn({ eventId, provider, code: cause }, 'an event is dead: it is not tried again unless it is replayed');
  return { ...NOTHING, state: 'dead', errorCode: cause };
}

/** Temporal's client throws errors with a gRPC status. */
const isAway = (error: unknown): boolean => isDatabaseAway(error) || isTemporalAway(error);
const isTemporalAway = (error: unknown): boolean => grpcStatusOf(error) !== null && !isRefusedForGood(error);

/**
 * Has the owner of every connection to the account check its grant. When it resolves, a signal for each is in Temporal
 * that the owner has yet to act on: one that waits there already serves any number of events. Returns the connections.
 */
async function requestAccessChecks(
  { accountConnections, accessChecks, signalRevoked, log }: ApplyingDeps,
  { only, ...account }: EventAccount,
): Promise<readonly ConnectionId[]> {
  const { provider } = account;
  const granted = await accountConnections.findGranted(account);
  const connections = granted.filter(({ connectionId }) => only === null || connectionId === only);
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
