import type { Delivery } from './delivery.ts';

/** Where a delivery stands among those of its webhook. */
export interface Attempt {
  /** Counts from 1. */
  readonly number: number;
  readonly firstAtMs: number;
  /** The delivery before it, which failed. Null for the first one. */
  readonly failed: Delivery | null;
}

/** A signed webhook of one provider. Every attempt sends the same payload. */
export interface Webhook {
  readonly type: string;
  readonly account: string;
  readonly deliver: (url: string, attempt: Attempt) => Promise<Delivery>;
}

/** One attempt. */
export interface SentWebhook extends Delivery {
  readonly at: number;
  readonly url: string;
  readonly type: string;
  readonly account: string;
  /** Counts from 1. */
  readonly attempt: number;
}

/** Shorter than the providers' own delays, which are minutes and hours. */
const RETRY_AFTER_MS = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000];
const AT_ONCE = 8;
/** Attempts that are remembered for the control API. */
const REMEMBERED = 10_000;

interface Waiting {
  readonly webhook: Webhook;
  readonly url: string;
  readonly attempt: Attempt;
}

/**
 * Sends webhooks to the registered URL, as the provider does, each until it is answered with 2xx or the attempts run
 * out. Several are sent at once, so they may arrive in another order. Neither a URL registered by hand nor pending
 * deliveries survive a restart.
 */
export class WebhookQueue {
  /** Null when no URL is registered: nothing is sent then. */
  url: string | null;
  readonly #sent: SentWebhook[] = [];
  readonly #due: Waiting[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  #sending = 0;
  #closed = false;

  constructor(url: string | undefined) {
    this.url = url ?? null;
  }

  /** The newest attempts, oldest first. */
  get sent(): readonly SentWebhook[] {
    return this.#sent;
  }

  send(webhook: Webhook): void {
    if (this.url === null) return;
    this.#enqueue({ webhook, url: this.url, attempt: { number: 1, firstAtMs: Date.now(), failed: null } });
  }

  close(): void {
    this.#closed = true;
    this.#due.length = 0;
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #enqueue(waiting: Waiting): void {
    if (this.#closed) return;
    this.#due.push(waiting);
    if (this.#sending < AT_ONCE) void this.#sendDue();
  }

  async #sendDue(): Promise<void> {
    this.#sending += 1;
    for (let next = this.#due.shift(); next; next = this.#due.shift()) await this.#attempt(next);
    this.#sending -= 1;
  }

  async #attempt({ webhook, url, attempt }: Waiting): Promise<void> {
    const { type, account } = webhook;
    const at = Date.now();
    const delivery = await webhook.deliver(url, attempt);
    this.#sent.push({ at, url, type, account, attempt: attempt.number, ...delivery });
    if (this.#sent.length > REMEMBERED) this.#sent.shift();
    const pauseMs = RETRY_AFTER_MS[attempt.number - 1];
    if (this.#closed || isTaken(delivery) || pauseMs === undefined) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#enqueue({ webhook, url, attempt: { ...attempt, number: attempt.number + 1, failed: delivery } });
    }, pauseMs);
    this.#timers.add(timer);
  }
}

const isTaken = ({ status }: Delivery): boolean => status !== null && status >= 200 && status < 300;
