import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { signatureHeader } from '../../sandbox/stripe/events/webhook-sender.ts';

export interface EventSenderOptions {
  readonly url: string;
  readonly secret: string;
  /** The accounts that the events are about, in turn. */
  readonly accounts: readonly string[];
  readonly connections: number;
  /** The type of the events. */
  readonly type: string;
}

const OBJECT = {
  object: 'customer',
  name: 'Corner Café',
  email: 'owner@example.com',
  phone: null,
  description: null,
  metadata: {},
  address: null,
};

/** Sends signed events of a stand-in Stripe, each another one, over connections that stay open. */
export class EventSender {
  readonly #options: EventSenderOptions;
  readonly #agent: Agent;
  #sent = 0;

  constructor(options: EventSenderOptions) {
    this.#options = options;
    this.#agent = new Agent({ keepAlive: true, maxSockets: options.connections });
  }

  /** Sends the next event. Rejects when it is not acknowledged. */
  readonly send = async (): Promise<void> => {
    const { url, secret, accounts, type } = this.#options;
    const id = `evt_${randomUUID()}`;
    const body = JSON.stringify({
      id,
      object: 'event',
      type,
      livemode: false,
      account: accounts[this.#sent++ % accounts.length],
      created: Math.floor(Date.now() / 1_000),
      data: { object: { ...OBJECT, id: `cus_${id}` } },
    });
    const status = await this.#post(url, body, signatureHeader(body, secret, Math.floor(Date.now() / 1_000)));
    if (status !== 200) throw new Error(`the event was answered ${status}`);
  };

  /** Sends from every connection at once, one event after the other, and returns how many a second were acknowledged. */
  async saturate(seconds: number): Promise<number> {
    const startedAt = performance.now();
    const until = startedAt + seconds * 1_000;
    let acknowledged = 0;
    const work = async (): Promise<void> => {
      while (performance.now() < until) {
        await this.send();
        acknowledged += 1;
      }
    };
    await Promise.all(Array.from({ length: this.#options.connections }, work));
    return acknowledged / ((performance.now() - startedAt) / 1_000);
  }

  close(): void {
    this.#agent.destroy();
  }

  #post(url: string, body: string, signature: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const headers = {
        'content-type': 'application/json; charset=utf-8',
        'content-length': Buffer.byteLength(body),
        'stripe-signature': signature,
      };
      const sending = request(url, { method: 'POST', agent: this.#agent, headers }, (response) => {
        response.resume().once('end', () => {
          resolve(response.statusCode ?? 0);
        });
      });
      sending.once('error', reject).end(body);
    });
  }
}
