import { setTimeout as delay } from 'node:timers/promises';
import type { WorkflowClient } from '@temporalio/client';
import { describe } from '../activities/failures.ts';
import type { DeliveryStore } from '../db/outgoing/delivery-store.ts';
import { senderWakeUp } from '../domain/outgoing/webhook-sender.ts';
import type { DeliverWebhooks } from '../domain/outgoing/webhook-sender.ts';
import type { Logger } from '../telemetry/logger.ts';

export interface RelayOptions {
  readonly deliveries: Pick<DeliveryStore, 'claimDue' | 'fallAsleep'>;
  readonly workflow: Pick<WorkflowClient, 'signalWithStart'>;
  readonly log: Pick<Logger, 'warn'>;
  readonly stopped: AbortSignal;
}

const EVERY_MS = 1_000;
/** Pause after a failure, such as while Postgres or Temporal is away. */
const AFTER_FAILURE_MS = 5_000;
const AT_ONCE = 100;

/**
 * Hands the outbox over to Temporal: looks every second for subscriptions whose messages are due and that nobody
 * delivers, and wakes the workflow of each. Each process may do so, because a claim is one process's. Never rejects;
 * what it misses is found again.
 */
export async function relayOutgoing({ stopped, log, ...options }: RelayOptions): Promise<void> {
  while (!stopped.aborted) {
    let pauseMs = EVERY_MS;
    try {
      if ((await relay(options)) === AT_ONCE) pauseMs = 0;
    } catch (error) {
      pauseMs = AFTER_FAILURE_MS;
      log.warn({ cause: describe(error) }, 'outgoing webhooks could not be handed to Temporal: it is tried again');
    }
    // The delay rejects when `stopped` is aborted; the loop checks that itself.
    await delay(pauseMs, undefined, { signal: stopped }).catch(() => undefined);
  }
}

async function relay({ deliveries, workflow }: Omit<RelayOptions, 'stopped' | 'log'>): Promise<number> {
  const claimed = await deliveries.claimDue(AT_ONCE);
  const handed = await Promise.allSettled(
    claimed.map((ref) => workflow.signalWithStart<DeliverWebhooks>(...senderWakeUp(ref))),
  );
  const failed = handed.flatMap((one, index) => {
    const ref = claimed[index];
    return one.status === 'rejected' && ref ? [{ ref, reason: one.reason as unknown }] : [];
  });
  // Otherwise they would count as awake for a minute.
  for (const { ref } of failed) await deliveries.fallAsleep(ref);
  if (failed[0]) throw failed[0].reason;
  return claimed.length;
}
