import { setTimeout as delay } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { v7 as uuidv7 } from 'uuid';
import { FAILURE } from '../../contracts/failures.ts';
import type { SubscriptionRef } from '../../contracts/ids.ts';
import { SAMPLE_TYPE } from '../../contracts/outgoing-webhooks.ts';
import type { DeliveryActivities, DeliveryChunk, SampleResult } from '../../contracts/outgoing-webhooks.ts';
import type { AttemptOutcome, DeliveryStore, DueMessage, Receiver } from '../../db/outgoing/delivery-store.ts';
import { pauseBeforeAttemptMs, restMs } from '../../domain/outgoing/delivery-schedule.ts';
import { countDelivery } from '../../telemetry/outgoing-metrics.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Secret } from '../../vault/secret.ts';
import type { Opener } from '../../vault/vault.ts';
import { VaultError } from '../../vault/vault-error.ts';
import { guarded, interrupted } from '../failures.ts';
import { withHeartbeat } from '../heartbeat.ts';
import type { SendResult, SendWebhook } from './send-webhook.ts';

export interface DeliveringDeps {
  readonly deliveries: DeliveryStore;
  readonly vault: Opener;
  readonly sendWebhook: SendWebhook;
  readonly log: Logger;
}

/** Messages on their way to one receiver at a time. */
const AT_ONCE = 10;
/** How long one call works before it gives its slot to another subscription. */
const CHUNK_MS = 20_000;
/** Pause after a round of which nothing was accepted: the slot serves receivers that work. */
const FAILING_PAUSE_MS = 5_000;
/** Pause before another look at a message that another sender has just closed. */
const CLOSING_MS = 50;
/** The receiver wants no more messages (RFC 9110, section 15.5.11; Standard Webhooks). */
const GONE = 410;

export function createDeliveringActivities(deps: DeliveringDeps): DeliveryActivities {
  return {
    deliverDue: (ref) => guarded(() => withHeartbeat(() => deliverDue(deps, ref))),
    sendSample: (ref) => guarded(() => withHeartbeat(() => sendSample(deps, ref))),
  };
}

async function deliverDue(deps: DeliveringDeps, ref: SubscriptionRef): Promise<DeliveryChunk> {
  const { deliveries } = deps;
  const { cancellationSignal } = Context.current();
  const deadlineMs = performance.now() + CHUNK_MS;
  let attempts = 0;
  while (performance.now() < deadlineMs) {
    if (cancellationSignal.aborted) throw interrupted();
    const receiver = await deliveries.findReceiver(ref);
    const due = receiver?.enabled === true ? await deliveries.takeDue(ref, AT_ONCE) : [];
    if (!receiver || due.length === 0) {
      const dueInMs = await fallAsleep(deliveries, ref);
      if (dueInMs === null || dueInMs > 0) return { attempts, more: false, dueInMs };
      await delay(CLOSING_MS);
      continue;
    }
    const outcomes = await sendAll(deps, { ref, receiver, due });
    attempts += outcomes.length;
    if (outcomes.every(({ error }) => error !== null)) return { attempts, more: true, dueInMs: FAILING_PAUSE_MS };
  }
  return { attempts, more: true, dueInMs: null };
}

/** When the next message is due. The subscription is awake again when one is due now. */
async function fallAsleep(deliveries: DeliveryStore, ref: SubscriptionRef): Promise<number | null> {
  await deliveries.fallAsleep(ref);
  const dueInMs = await deliveries.nextDueInMs(ref);
  if (dueInMs !== null && dueInMs <= 0) await deliveries.markAwake(ref);
  return dueInMs;
}

interface Round {
  readonly ref: SubscriptionRef;
  readonly receiver: Receiver;
  readonly due: readonly DueMessage[];
}

async function sendAll(deps: DeliveringDeps, { ref, receiver, due }: Round): Promise<readonly AttemptOutcome[]> {
  const { deliveries, log } = deps;
  const secrets = await openSecrets(deps, ref, receiver);
  const attempts = await Promise.all(
    due.map(async (message) => ({ message, ...(await send(deps, { receiver, secrets, message })) })),
  );
  const outcomes = attempts.map(({ message: { id: messageId, attempts: made }, status, error }): AttemptOutcome => {
    const retryInMs = error === null ? null : pauseBeforeAttemptMs(made + 1);
    return { messageId, attempts: made, status, error, retryInMs };
  });
  const gone = outcomes.some(({ status }) => status === GONE);
  const reason = await deliveries.settle(ref, outcomes, {
    ...{ url: receiver.url, gone },
    restMs: restMs(attempts),
  });
  for (const { error, retryInMs } of outcomes)
    countDelivery(error === null ? 'delivered' : retryInMs === null ? 'failed' : 'repeated');
  if (reason) log.warn({ ...ref, reason }, 'a subscription is disabled: its receiver accepts no messages');
  return outcomes;
}

async function sendSample(deps: DeliveringDeps, ref: SubscriptionRef): Promise<SampleResult> {
  const receiver = await deps.deliveries.findReceiver(ref);
  if (!receiver) throw ApplicationFailure.nonRetryable('the subscription is gone', FAILURE.runUnavailable);
  const startedMs = performance.now();
  const { venueId, subscriptionId } = ref;
  const message = { id: uuidv7(), type: SAMPLE_TYPE, occurredAt: new Date(), data: { venueId, subscriptionId } };
  const secrets = await openSecrets(deps, ref, receiver);
  const { status, error } = await send(deps, { receiver, secrets, message });
  const durationMs = Math.round(performance.now() - startedMs);
  return { messageId: message.id, delivered: error === null, status, error, durationMs };
}

interface Sending {
  readonly receiver: Receiver;
  readonly secrets: readonly Secret[];
  readonly message: Parameters<SendWebhook>[0];
}

async function send({ sendWebhook }: DeliveringDeps, { receiver, secrets, message }: Sending): Promise<SendResult> {
  if (secrets.length === 0) return { status: null, error: 'secret-unreadable' };
  const { cancellationSignal } = Context.current();
  try {
    return await sendWebhook(message, { url: receiver.url, secrets, signal: cancellationSignal });
  } catch (error) {
    throw cancellationSignal.aborted ? interrupted() : error;
  }
}

/** The secrets that can be opened. Throws VaultError while the key service is away: that is not the receiver's fault. */
async function openSecrets(
  { vault, log }: DeliveringDeps,
  ref: SubscriptionRef,
  { sealedSecrets }: Receiver,
): Promise<readonly Secret[]> {
  const { venueId, subscriptionId } = ref;
  const opened: Secret[] = [];
  for (const sealed of sealedSecrets) {
    try {
      opened.push(await vault.open(sealed, { venueId, subscriptionId, purpose: 'webhook-signing-secret' }));
    } catch (error) {
      if (!(error instanceof VaultError) || error.kind !== 'cannot-open') throw error;
      log.error({ ...ref }, 'a signing secret cannot be opened: it has to be rolled');
    }
  }
  return opened;
}
