import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { parseInput } from '../core/control-api.ts';
import type { ControlRoutes } from '../core/control-api.ts';
import { post } from '../core/delivery.ts';
import type { Delivery } from '../core/delivery.ts';
import { derivedId, randomId } from '../core/ids.ts';
import type { RecordChange } from '../core/record-state.ts';
import type { WebhookQueue } from '../core/webhook-queue.ts';
import type { App } from '../oauth/ledger-rows.ts';
import type { Kind } from './state/xero-state.ts';

/** The categories that tell of collections. Of payments, items and bank transactions nothing is told. */
const CATEGORIES: Readonly<Partial<Record<Kind, string>>> = {
  Contacts: 'CONTACT',
  Invoices: 'INVOICE',
  CreditNotes: 'CREDITNOTE',
};

interface XeroEvent {
  readonly resourceUrl: string;
  readonly resourceId: string;
  readonly tenantId: string;
  readonly tenantType: 'ORGANISATION';
  readonly eventCategory: string;
  readonly eventType: string;
  /** Without a zone. */
  readonly eventDateUtc: string;
}

/** The key of the app’s webhooks. */
export const webhookKeyOf = ({ secret }: Pick<App, 'secret'>): string => derivedId('', 32, `webhooks key ${secret}`);

/**
 * Tells the registered address of changes, signed. Several changes go in one delivery, over all organisations, and each
 * has the next number of the app’s sequence (https://developer.xero.com/documentation/guides/webhooks/overview/, 2026-11).
 */
export class XeroWebhooks {
  readonly #key: string;
  readonly #queue: WebhookQueue;
  #sequence = 0;
  #waiting: XeroEvent[] = [];

  constructor(app: Pick<App, 'secret'>, queue: WebhookQueue) {
    this.#key = webhookKeyOf(app);
    this.#queue = queue;
  }

  note({ account, kind, objects }: RecordChange<Kind>): void {
    const category = CATEGORIES[kind];
    if (category === undefined || this.#queue.url === null) return;
    if (this.#waiting.length === 0)
      setImmediate(() => {
        this.#flush();
      });
    const eventDateUtc = new Date().toISOString().replace('Z', '');
    for (const { id, before } of objects)
      this.#waiting.push({
        ...{ resourceUrl: `https://api.xero.com/api.xro/2.0/${kind}/${id}`, resourceId: id, tenantId: account },
        ...{ tenantType: 'ORGANISATION', eventCategory: category, eventType: before ? 'UPDATE' : 'CREATE' },
        eventDateUtc,
      });
  }

  /** The body of a delivery of these events, with the next numbers of the sequence. Without events the numbers are 0. */
  payloadOf(events: readonly object[]): string {
    const first = this.#sequence + 1;
    this.#sequence += events.length;
    const sequences =
      events.length === 0
        ? { firstEventSequence: 0, lastEventSequence: 0 }
        : { firstEventSequence: first, lastEventSequence: this.#sequence };
    return JSON.stringify({ events, ...sequences, entropy: randomId('', 20) });
  }

  deliver(url: string, payload: string, signature: 'valid' | 'wrong' | 'absent' = 'valid'): Promise<Delivery> {
    const key = signature === 'wrong' ? `${this.#key}_other` : this.#key;
    const headers = {
      'content-type': 'application/json; charset=utf-8',
      ...(signature !== 'absent' && { 'x-xero-signature': createHmac('sha256', key).update(payload).digest('base64') }),
    };
    return post(url, { payload, headers });
  }

  /**
   * Asks whether an address checks signatures, as Xero does before it sends anything
   * (https://developer.xero.com/documentation/guides/webhooks/configuring-your-server/, 2026-11). Throws nothing.
   */
  async intentToReceive(url: string): Promise<boolean> {
    for (const signature of ['valid', 'wrong', 'wrong', 'valid'] as const) {
      const { status, body } = await this.deliver(url, this.payloadOf([]), signature);
      const isRight = signature === 'valid' ? status !== null && status >= 200 && status < 300 : status === 401;
      if (!isRight || body !== '') return false;
    }
    return true;
  }

  #flush(): void {
    const events = this.#waiting;
    this.#waiting = [];
    const [first] = events;
    if (!first) return;
    const payload = this.payloadOf(events);
    this.#queue.send({
      type: `${first.eventCategory}.${first.eventType}`,
      account: first.tenantId,
      deliver: (url) => this.deliver(url, payload),
    });
  }
}

const url = z.url({ protocol: /^https?$/ });
const webhooksBody = z.strictObject({ url: url.nullable() });
const emitBody = z.strictObject({
  url,
  events: z.array(z.record(z.string(), z.unknown())),
  times: z.int().min(1).max(1_000).default(1),
  signature: z.enum(['valid', 'wrong', 'absent']).default('valid'),
});

/**
 * `POST /webhooks` registers an address, once it has passed the intent to receive, and `GET /webhooks` shows what was
 * sent. `POST /emit` sends any events at once, the same delivery `times` times.
 */
export function webhookControls(webhooks: XeroWebhooks, queue: WebhookQueue): ControlRoutes {
  const shown = () => ({ json: { url: queue.url, data: queue.sent } });
  return {
    'GET /webhooks': shown,
    'POST /webhooks': async ({ body }) => {
      const { url: to } = parseInput(webhooksBody, body);
      queue.url = to !== null && (await webhooks.intentToReceive(to)) ? to : null;
      return shown();
    },
    'POST /emit': async ({ body }) => {
      const { url: to, events, times, signature } = parseInput(emitBody, body);
      const payload = webhooks.payloadOf(events);
      const deliveries: Delivery[] = [];
      for (let sent = 0; sent < times; sent += 1) deliveries.push(await webhooks.deliver(to, payload, signature));
      return { json: { delivery: JSON.parse(payload) as object, deliveries } };
    },
  };
}
