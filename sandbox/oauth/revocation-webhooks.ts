import type { Delivery } from '../core/delivery.ts';
import type { Grant } from './ledger-rows.ts';

/** A grant that has ended. */
export type EndedGrant = Pick<Grant, 'account' | 'app' | 'endedBy'> & { readonly endedAtMs: number };

/** Builds, signs and posts one provider's revocation webhook. Every attempt sends the same payload. */
export type RevocationWriter = (ended: EndedGrant) => {
  readonly type: string;
  readonly deliver: (url: string) => Promise<Delivery>;
};

/** One attempt. */
export interface SentRevocation extends Delivery {
  readonly at: number;
  readonly url: string;
  readonly type: string;
  readonly account: string;
  /** Counts from 1. */
  readonly attempt: number;
}

/** Shorter than the providers' own delays, which are minutes and hours. */
const RETRY_AFTER_MS = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000];

/**
 * Sends revocation webhooks to the registered URL, as the provider does, until one is answered with 2xx or the attempts
 * run out. Neither a URL registered by hand nor pending deliveries survive a restart.
 */
export class RevocationWebhooks {
  readonly sent: SentRevocation[] = [];
  /** Null when no URL is registered. */
  url: string | null;
  readonly #write: RevocationWriter;
  readonly #waiting = new Set<NodeJS.Timeout>();
  #closed = false;

  constructor(write: RevocationWriter, url: string | null) {
    this.#write = write;
    this.url = url;
  }

  /** Sends one event per account and application, however many of its grants ended. */
  tell(grants: readonly EndedGrant[]): void {
    if (this.url === null) return;
    for (const ended of new Map(grants.map((grant) => [`${grant.app} ${grant.account}`, grant])).values()) {
      void this.#send({ ...this.#write(ended), url: this.url, account: ended.account }, 1);
    }
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#waiting) clearTimeout(timer);
  }

  async #send(
    webhook: {
      readonly type: string;
      readonly url: string;
      readonly account: string;
      readonly deliver: (url: string) => Promise<Delivery>;
    },
    attempt: number,
  ): Promise<void> {
    const { type, url, account, deliver } = webhook;
    const at = Date.now();
    const delivery = await deliver(url);
    this.sent.push({ at, url, type, account, attempt, ...delivery });
    const pauseMs = RETRY_AFTER_MS[attempt - 1];
    if (this.#closed || isTaken(delivery) || pauseMs === undefined) return;
    const timer = setTimeout(() => {
      this.#waiting.delete(timer);
      void this.#send(webhook, attempt + 1);
    }, pauseMs);
    this.#waiting.add(timer);
  }
}

const isTaken = ({ status }: Delivery): boolean => status !== null && status >= 200 && status < 300;
