import { createHmac, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { parseInput } from '../core/control-api.ts';
import type { ControlRoutes } from '../core/control-api.ts';
import { post } from '../core/delivery.ts';
import type { Delivery } from '../core/delivery.ts';
import { derivedId } from '../core/ids.ts';
import type { App } from '../oauth/ledger-rows.ts';

const OPERATIONS = ['Create', 'Update', 'Delete', 'Merge', 'Void', 'Emailed'] as const;
type Operation = (typeof OPERATIONS)[number];

/** What became of one object of a company. */
export interface Change {
  readonly entity: string;
  readonly id: string;
  readonly operation: Operation;
  /** With `Merge`: the object that is gone. */
  readonly deletedId?: string | undefined;
}

interface CompanyChange extends Change {
  /** The realm id. */
  readonly company: string;
  readonly atMs: number;
}

type Format = 'cloudevents' | 'legacy';

/** The words of CloudEvents. The wire says `void`: https://github.com/ballerina-platform/asyncapi-triggers/pull/193 (2026-11). */
const CLOUD_EVENT_WORDS: Readonly<Record<Operation, string>> = {
  Create: 'created',
  Update: 'updated',
  Delete: 'deleted',
  Merge: 'merged',
  Void: 'void',
  Emailed: 'emailed',
};

/** Shorter than Intuit's own pauses, which begin at ten seconds. */
const RETRY_AFTER_MS = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000];

/** The verifier token of the application. */
export const verifierTokenOf = ({ secret }: Pick<App, 'secret'>): string =>
  derivedId('', 32, `webhook verifier token ${secret}`);

/**
 * Tells the registered address of every change of every company, signed. What changes while a delivery is under way goes
 * with the next one, and a delivery that is not acknowledged holds back the later ones, as at Intuit
 * (https://developer.intuit.com/app/developer/qbo/docs/develop/webhooks/best-practices, 2026-11). Nothing that waits
 * survives a restart.
 */
export class ChangeWebhooks {
  /** Null when no address is registered: then changes are told to nobody. */
  url: string | null;
  format: Format = 'cloudevents';
  readonly sent: { readonly url: string; readonly events: number; readonly status: number | null }[] = [];
  readonly #token: string;
  #waiting: CompanyChange[] = [];
  #timer: NodeJS.Timeout | null = null;
  #isSending = false;
  #isClosed = false;

  constructor(app: Pick<App, 'secret'>, url: string | null) {
    this.#token = verifierTokenOf(app);
    this.url = url;
  }

  note(change: CompanyChange): void {
    if (this.url === null) return;
    this.#waiting.push(change);
    this.#schedule(0);
  }

  close(): void {
    this.#isClosed = true;
    if (this.#timer) clearTimeout(this.#timer);
  }

  deliver(url: string, payload: string, signature: 'valid' | 'wrong' | 'absent' = 'valid'): Promise<Delivery> {
    const token = signature === 'wrong' ? `${this.#token}_other` : this.#token;
    const headers = {
      'content-type': 'application/json',
      'user-agent': 'intuit_notification_webhook',
      ...(signature !== 'absent' && {
        'intuit-signature': createHmac('sha256', token).update(payload).digest('base64'),
      }),
    };
    return post(url, { payload, headers });
  }

  #schedule(pauseMs: number): void {
    if (this.#isClosed || this.#isSending || this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.#flush();
    }, pauseMs);
  }

  async #flush(): Promise<void> {
    const changes = this.#waiting;
    this.#waiting = [];
    this.#isSending = true;
    const payload = JSON.stringify(payloadOf(changes, this.format));
    for (const pauseMs of [0, ...RETRY_AFTER_MS]) {
      if (pauseMs > 0) await this.#pause(pauseMs);
      if (this.#isClosed || this.url === null) break;
      const { url } = this;
      const { status } = await this.deliver(url, payload);
      this.sent.push({ url, events: changes.length, status });
      if (status === 200) break;
    }
    this.#isSending = false;
    if (this.#waiting.length > 0) this.#schedule(0);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#timer = setTimeout(() => {
        this.#timer = null;
        resolve();
      }, ms);
    });
  }
}

/** https://developer.intuit.com/app/developer/qbo/docs/develop/webhooks/data-objects (2026-11). */
const toCloudEvent = ({ company, entity, id, operation, deletedId, atMs }: CompanyChange) => ({
  specversion: '1.0',
  id: `${randomUUID()}-${entity}-${id}`,
  source: `intuit.${derivedId('', 32, 'source of webhooks')}=`,
  type: `qbo.${entity.toLowerCase()}.${CLOUD_EVENT_WORDS[operation]}.v1`,
  datacontenttype: 'application/json',
  time: new Date(atMs).toISOString(),
  intuitentityid: id,
  intuitaccountid: company,
  data: deletedId === undefined ? {} : { deletedid: deletedId },
});

/** The earlier format: https://developer.intuit.com/app/developer/qbo/docs/develop/webhooks/managing-webhooks-notifications (2026-11). */
const toLegacy = (changes: readonly CompanyChange[]) => ({
  eventNotifications: [...Map.groupBy(changes, ({ company }) => company)].map(([realmId, own]) => ({
    realmId,
    dataChangeEvent: {
      entities: own.map(({ entity: name, id, operation, deletedId, atMs }) => ({
        ...{ name, id, operation, lastUpdated: new Date(Math.floor(atMs / 1_000) * 1_000).toISOString() },
        ...(deletedId !== undefined && { deletedId }),
      })),
    },
  })),
});

const payloadOf = (changes: readonly CompanyChange[], format: Format): object =>
  format === 'legacy' ? toLegacy(changes) : changes.map(toCloudEvent);

const url = z.url({ protocol: /^https?$/ });
const webhooksBody = z.strictObject({
  url: url.nullable(),
  format: z.enum(['cloudevents', 'legacy']).default('cloudevents'),
});
const emitBody = z.strictObject({
  url,
  company: z.string(),
  changes: z
    .array(
      z.strictObject({
        entity: z.string(),
        id: z.string(),
        operation: z.enum(OPERATIONS),
        deletedId: z.string().optional(),
      }),
    )
    .min(1),
  format: z.enum(['cloudevents', 'legacy']).default('cloudevents'),
  times: z.int().min(1).max(1_000).default(1),
  signature: z.enum(['valid', 'wrong', 'absent']).default('valid'),
});

/** `/webhooks` shows and sets where changes are told; `POST /emit` tells any changes at once, `times` times. */
export const webhookControls = (webhooks: ChangeWebhooks): ControlRoutes => ({
  'GET /webhooks': () => ({ json: { url: webhooks.url, format: webhooks.format, data: webhooks.sent } }),
  'POST /webhooks': ({ body }) => {
    const { url: to, format } = parseInput(webhooksBody, body);
    webhooks.url = to;
    webhooks.format = format;
    return { json: { url: to, format } };
  },
  'POST /emit': async ({ body }) => {
    const { url: to, company, changes, format, times, signature } = parseInput(emitBody, body);
    const atMs = Date.now();
    const events = payloadOf(
      changes.map((change) => ({ ...change, company, atMs })),
      format,
    );
    const deliveries: Delivery[] = [];
    for (let sent = 0; sent < times; sent += 1)
      deliveries.push(await webhooks.deliver(to, JSON.stringify(events), signature));
    return { json: { events, deliveries } };
  },
});
