import { setTimeout as delay } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import type { DeliveryError } from '../../contracts/outgoing-webhooks.ts';
import { connectionFailureOf } from '../../providers/http/connection-failure.ts';
import { AddressNotAllowedError } from '../../providers/kit/address-guard.ts';
import { retryAfterMs } from '../../providers/kit/retry-after.ts';
import type { Secret } from '../../vault/secret.ts';

/** A message, as a receiver gets it. */
export interface OutgoingMessage {
  /** `webhook-id`: the same for every attempt, so that a receiver can ignore repeats. */
  readonly id: string;
  readonly type: string;
  readonly occurredAt: Date;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface SendOptions {
  readonly url: string;
  /** Each of them signs. At least one. */
  readonly secrets: readonly Secret[];
  readonly signal: AbortSignal;
}

/** What the receiver made of it. Nothing else of its answer is kept: that may hold anything. */
export interface SendResult {
  /** Null when it has not answered. */
  readonly status: number | null;
  /** Null: accepted, with a status of 2xx. */
  readonly error: DeliveryError | null;
  /** The receiver asks for no message before this time has passed. */
  readonly retryAfterMs?: number;
}

/** Sends a message once. Throws only when `signal` aborts it. */
export type SendWebhook = (message: OutgoingMessage, options: SendOptions) => Promise<SendResult>;

/** For all of a call, with the receiver's answer: what Standard Webhooks recommends is 15 to 30 s. */
const TIMEOUT_MS = 15_000;
/** Read, and thrown away, so that the connection can be used again. */
const MAX_ANSWER_BYTES = 65_536;

export interface WebhookSenderOptions {
  /** Reaches no internal address and follows no redirect: `guardedFetch`. */
  readonly fetch: typeof fetch;
  readonly timeoutMs?: number;
}

/** Sends messages signed by Standard Webhooks: https://www.standardwebhooks.com (read 2026-11-28). */
export function createWebhookSender({ fetch: call, timeoutMs = TIMEOUT_MS }: WebhookSenderOptions): SendWebhook {
  return async ({ id, type, occurredAt, data }, { url, secrets, signal }) => {
    const body = JSON.stringify({ type, timestamp: occurredAt.toISOString(), data });
    const sentAt = new Date();
    const signatures = secrets.map((secret) => new Webhook(secret.expose()).sign(id, sentAt, body));
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const answer = await call(url, {
        method: 'POST',
        redirect: 'manual',
        headers: {
          'content-type': 'application/json',
          'user-agent': 'Interlock-Webhooks/1',
          'webhook-id': id,
          'webhook-timestamp': String(Math.floor(sentAt.getTime() / 1_000)),
          'webhook-signature': signatures.join(' '),
        },
        body,
        signal: AbortSignal.any([signal, timeout]),
      });
      await discard(answer);
      const error = errorOf(answer.status);
      const askedMs = error === null ? undefined : retryAfterMs(answer.headers.get('retry-after'));
      return { status: answer.status, error, ...(askedMs !== undefined && { retryAfterMs: askedMs }) };
    } catch (error) {
      signal.throwIfAborted();
      return { status: null, error: failureOf(error, timeout) };
    }
  };
}

function errorOf(status: number): DeliveryError | null {
  if (status >= 200 && status < 300) return null;
  return status >= 300 && status < 400 ? 'redirected' : 'status';
}

function failureOf(error: unknown, timeout: AbortSignal): DeliveryError {
  if (error instanceof AddressNotAllowedError) return 'address-not-allowed';
  return timeout.aborted ? 'timeout' : connectionFailureOf(error);
}

/** How long a receiver that has answered may take over the rest of its answer, which says nothing more. */
const REST_MS = 1_000;

/** Reads the rest of an answer within limits. The status counts, whatever becomes of it. */
async function discard({ body }: Response): Promise<void> {
  if (!body) return;
  const reader = body.getReader();
  const late = new AbortController();
  const tooLate = delay(REST_MS, 'late' as const, { signal: late.signal }).catch(() => 'late' as const);
  try {
    for (let bytes = 0; bytes <= MAX_ANSWER_BYTES;) {
      const chunk = await Promise.race([reader.read(), tooLate]);
      if (chunk === 'late' || chunk.done) break;
      bytes += (chunk.value as Uint8Array).byteLength;
    }
  } catch {
    // The receiver broke off after its status.
  } finally {
    late.abort();
    await reader.cancel().catch(() => undefined);
  }
}
