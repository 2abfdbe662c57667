import { setTimeout as delay } from 'node:timers/promises';
import { Context, getClient } from '@temporalio/activity';
import { ACCESS_REVOKED_SIGNAL } from '../../contracts/connections.ts';
import type {
  DrainChunk,
  DrainInboxInput,
  InboxActivities,
  ProcessWebhookInput,
  ProcessWebhookResult,
  SweepInboxResult,
} from '../../contracts/inbox.ts';
import { EventTakenError } from '../../db/webhooks/inbox-store.ts';
import type { DueEvent, InboxStore } from '../../db/webhooks/inbox-store.ts';
import type { SettledEvent } from '../../db/webhooks/settled-events.ts';
import { BATCH, restMs } from '../../domain/inbox/drain-pace.ts';
import { eventProcessing, inboxWakeUp } from '../../domain/inbox/inbox-drainer.ts';
import type { DrainInbox, ProcessWebhook } from '../../domain/inbox/inbox-drainer.ts';
import { tellOwner } from '../connections/connection-owner.ts';
import { describe, guarded, interrupted } from '../failures.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { applyEvents } from './apply-events.ts';
import { failureOf } from './event-failures.ts';
import type { ApplyingDeps } from './apply-events.ts';

export interface InboxDeps extends Omit<ApplyingDeps, 'signalRevoked'> {
  readonly inbox: InboxStore;
  /** How long one call works before it returns to the workflow. */
  readonly chunkMs: number;
}

/** How long a partition without events is watched before its drainer falls asleep. */
const IDLE_MS = 2_000;
/** An event that waits for longer than this has no drainer, or a drainer with a long backlog, which a signal does not hurt. */
const OVERDUE_MS = 10_000;

/** A failing event whose attempt is overdue by this has no workflow, or one whose attempts are refused by the database. */
const UNPROCESSED_MS = 120_000;

/** Events of an adapter that has learned to take them that one sweep has handled; the next one takes the rest. */
const RELEASED_AT_ONCE = 5_000;

/** What connections missed that one sweep has handled; the next one takes the rest, of each connection the same share. */
const MISSED_AT_ONCE = { connections: 10, events: 500 };

export function createInboxActivities(deps: InboxDeps): InboxActivities {
  const applying: ApplyingDeps = {
    ...deps,
    signalRevoked: (connection) => {
      const { displayName = connection.provider } = deps.providers.definition(connection.provider) ?? {};
      return tellOwner(connection, displayName, ACCESS_REVOKED_SIGNAL);
    },
  };
  return {
    drainPartition: (input) => guarded(() => withHeartbeat(() => drain(deps, applying, input))),
    processEvent: (input) => guarded(() => withHeartbeat(() => processEvent(deps, applying, input))),
    wakeOverduePartitions: () => guarded(() => wakeOverdue(deps)),
  };
}

async function drain(
  { inbox, chunkMs, log }: InboxDeps,
  applying: ApplyingDeps,
  { partition }: DrainInboxInput,
): Promise<DrainChunk> {
  const { cancellationSignal } = Context.current();
  // The delay rejects when the activity is cancelled; the loop checks that itself.
  const pause = (ms: number) => delay(ms, undefined, { signal: cancellationSignal }).catch(() => undefined);
  const deadlineMs = performance.now() + chunkMs;
  const lease = await inbox.takeOver(partition);
  const marking: ApplyingDeps = { ...applying, mark: (events) => inbox.mark(lease, events) };
  let handled = 0;
  let busyAtMs = performance.now();
  while (performance.now() < deadlineMs) {
    if (cancellationSignal.aborted) throw interrupted();
    const beganAtMs = performance.now();
    const events = await inbox.listDue(partition, BATCH);
    if (events.length > 0) {
      const settled = await applyEvents(marking, (work) => inbox.settle(lease, work), events);
      await processFailing(log, events, settled);
      handled += events.length;
      busyAtMs = performance.now();
    } else if (beganAtMs - busyAtMs >= IDLE_MS) {
      await inbox.fallAsleep(lease);
      if ((await inbox.listDue(partition, 1)).length === 0)
        return { handled, more: false, dueInMs: await inbox.nextDueInMs(partition) };
      await inbox.markAwake([partition]);
      busyAtMs = performance.now();
    }
    const tookMs = performance.now() - beganAtMs;
    const backlog = events.length < BATCH ? null : await inbox.readBacklog(partition);
    const rest = restMs({ events: events.length, tookMs, backlog });
    if (rest > 0) await pause(rest);
  }
  return { handled, more: true, dueInMs: null };
}

/** Gives each failing event a workflow of its own. One that cannot be started is found by the sweep. */
async function processFailing(
  log: InboxDeps['log'],
  events: readonly DueEvent[],
  settled: readonly SettledEvent[],
): Promise<void> {
  const providerOf = new Map(events.map(({ id, provider }) => [id, provider]));
  for (const { id: eventId, state, dueInMs } of settled) {
    const provider = providerOf.get(eventId);
    if (state !== 'retrying' || provider === undefined) continue;
    try {
      await startProcessing({ eventId, provider }, { startDelay: dueInMs ?? 0, replaces: true });
    } catch (error) {
      log.warn({ eventId, provider, cause: describe(error) }, 'a failing event could not be given its workflow');
    }
  }
}

const startProcessing = (input: ProcessWebhookInput, how: Parameters<typeof eventProcessing>[1]) =>
  getClient().workflow.start<ProcessWebhook>(...eventProcessing(input, how));

async function processEvent(
  { inbox }: InboxDeps,
  applying: ApplyingDeps,
  { eventId }: ProcessWebhookInput,
): Promise<ProcessWebhookResult> {
  const event = await inbox.findFailing(eventId);
  // A replay has made it wait again, or it is gone.
  if (!event) return { state: 'waiting' };
  try {
    const [settled] = await applyEvents(applying, (work) => inbox.settleFailing(event, work), [event]);
    if (settled && (settled.state === 'retrying' || settled.state === 'dead'))
      throw failureOf(settled.errorCode ?? 'internal', settled.dueInMs);
    return { state: settled?.state ?? 'waiting' };
  } catch (error) {
    if (error instanceof EventTakenError) return { state: 'waiting' };
    throw error;
  }
}

async function wakeOverdue({ inbox, providers }: InboxDeps): Promise<SweepInboxResult> {
  const taking = providers.ids.filter((id) => providers.definition(id)?.webhooks?.events != null);
  const released = await inbox.releaseWaiting(taking, RELEASED_AT_ONCE);
  const repeated = await inbox.repeatMissed(MISSED_AT_ONCE);
  const woken = [...new Set([...released, ...repeated, ...(await inbox.listOverdue(OVERDUE_MS))])];
  for (const partition of woken) {
    await inbox.markAwake([partition]);
    await getClient().workflow.signalWithStart<DrainInbox>(...inboxWakeUp(partition));
  }
  const unprocessed = await inbox.listUnprocessed(UNPROCESSED_MS, BATCH);
  for (const { id: eventId, provider } of unprocessed)
    await startProcessing({ eventId, provider }, { startDelay: 0, replaces: false });
  return { woken, processed: unprocessed.length };
}
