import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startXeroSandbox } from '../../../sandbox/xero/xero-sandbox.ts';
import type { XeroSandbox } from '../../../sandbox/xero/xero-sandbox.ts';
import { xeroSandboxControl } from '../../support/sandbox/xero-organisation.ts';
import { createApiWorld } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';
import { providers, signed } from './webhook-deliveries.ts';

let xero: XeroSandbox;
let api: ApiWorld;
beforeAll(async () => {
  xero = await startXeroSandbox();
  api = await createApiWorld({ providers: providers({ xeroKey: xero.webhookSecret }) });
});
afterAll(async () => {
  await api.close();
  await xero.close();
});
beforeEach(() => api.database.admin`truncate webhook_events cascade`);

function deliver(delivery: unknown, secret = xero.webhookSecret) {
  const body = JSON.stringify(delivery);
  const headers = { 'content-type': 'application/json', ...signed('xero', body, { secret }) };
  return api.send('POST', '/webhooks/xero', { token: null, body, headers });
}

const eventOf = (tenantId: string, category = 'INVOICE') => ({
  ...{ resourceUrl: 'https://api.xero.com/api.xro/2.0/Invoices/1', resourceId: randomUUID(), tenantId },
  ...{ tenantType: 'ORGANISATION', eventCategory: category, eventType: 'UPDATE' },
  eventDateUtc: '2026-11-28T21:31:25.179',
});
const deliveryOf = (first: number, ...events: readonly unknown[]) => ({
  ...{ events, firstEventSequence: first, lastEventSequence: first + events.length - 1, entropy: 'S0m3r4Nd0mt3xt' },
});

interface Described {
  readonly parameters: readonly { readonly schema: { readonly enum?: readonly string[] } }[];
  readonly responses: Readonly<Record<string, { readonly content?: object }>>;
}

interface Kept {
  readonly type: string;
  readonly tenant: string | null;
  readonly body: Buffer;
}
const kept = () => api.database.admin<Kept[]>`
  select type, external_account_id as tenant, body from webhook_events where provider = 'xero' order by type, tenant`;

describe('the check that Xero makes of an address', () => {
  it('is passed, as the stand-in makes it', async () => {
    const url = new URL('/webhooks/xero', (await api.raw('GET', '/')).url).href;
    const register = () => xeroSandboxControl(xero).send<{ readonly url: string | null }>('POST', '/webhooks', { url });
    expect((await register()).url).toBe(url);
    expect(await kept()).toEqual([]);
  });

  it('has a path of its own in the OpenAPI document, whose answers have no body', async () => {
    const { paths } = (await api.send('GET', '/openapi.json', { token: null })).json as unknown as {
      readonly paths: Readonly<Record<string, { readonly post: Described }>>;
    };
    const bodies = Object.values(paths['/webhooks/xero']!.post.responses).map(({ content }) => content ?? {});
    expect(bodies).toEqual(bodies.map(() => ({})));
    const [provider] = paths['/webhooks/{provider}']!.post.parameters;
    expect(provider?.schema.enum).toContain('stripe');
    expect(provider?.schema.enum).not.toContain('xero');
  });

  it('is answered without a body and without a cookie, whether its signature is right or not', async () => {
    for (const [secret, status] of [
      [xero.webhookSecret, 200],
      ['another', 401],
    ] as const) {
      const answer = await deliver({ events: [], firstEventSequence: 0, lastEventSequence: 0, entropy: 'x' }, secret);
      expect([answer.status, answer.text, answer.headers.get('set-cookie')]).toEqual([status, '', null]);
    }
  });
});

describe('a delivery of Xero', () => {
  it('with events of several organisations becomes one event for each, none of which holds another’s', async () => {
    const [one, other] = [randomUUID(), randomUUID()];
    expect((await deliver(deliveryOf(7, eventOf(one), eventOf(other, 'CONTACT'), eventOf(one)))).status).toBe(200);
    const events = await kept();
    expect(events.map(({ type }) => type)).toEqual(['CONTACT.UPDATE', 'INVOICE.UPDATE', 'INVOICE.UPDATE']);
    for (const { tenant, body } of events) expect(body.toString().includes(one)).toBe(tenant === one);
  });

  it('that is repeated is stored once, and the next event of the same object is another one', async () => {
    const event = eventOf(randomUUID());
    for (const first of [11, 11, 12]) expect((await deliver(deliveryOf(first, event))).status).toBe(200);
    expect(await kept()).toHaveLength(2);
  });

  it.each<[string, unknown]>([
    ['a category that nobody knows', eventOf(randomUUID(), 'HOLOGRAM')],
    ['an organisation that is none', { ...eventOf(''), tenantId: '' }],
    ['null instead of an event', null],
  ])('with %s beside a known event is accepted whole', async (_case, unknown) => {
    const tenant = randomUUID();
    expect((await deliver(deliveryOf(20, unknown, eventOf(tenant)))).status).toBe(200);
    expect((await kept()).filter((event) => event.tenant === tenant)).toHaveLength(1);
  });

  it('that is none is refused without a body', async () => {
    const answer = await deliver({ hello: 'there' });
    expect([answer.status, answer.text]).toEqual([400, '']);
  });
});
