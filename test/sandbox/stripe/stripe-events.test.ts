import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { aSandbox, stripeError } from '../support.ts';
import { later } from '../../support/later.ts';

describe('the event list', () => {
  it('filters by types, pattern and time, and pages', async () => {
    const { stripe, control } = await aSandbox();
    const { id } = await stripe.customers.create({ name: 'A' });
    for (const name of ['B', 'C', 'D']) await stripe.customers.update(id, { name });
    await stripe.customers.del(id);
    const types = async (params: object) => (await stripe.events.list(params)).data.map((event) => event.type);
    expect(await types({ types: ['customer.created', 'customer.deleted'] })).toEqual([
      'customer.deleted',
      'customer.created',
    ]);
    expect(await types({ type: 'customer.*' })).toHaveLength(5);
    expect(await types({ type: 'charge.*' })).toEqual([]);
    const walked: string[] = [];
    for await (const event of stripe.events.list({ limit: 2 })) walked.push(event.id);
    expect(new Set(walked).size).toBe(5);
    await control.clock({ offsetMs: 10_000 });
    const since = Math.floor(Date.now() / 1_000) + 9;
    await stripe.customers.create();
    expect(await types({ created: { gte: since } })).toEqual(['customer.created']);
    expect(await stripe.events.retrieve(walked[0] ?? '')).toMatchObject({
      type: 'customer.deleted',
      data: { object: { id, name: 'D' } },
    });
    expect(
      await stripeError(stripe.events.list({ types: Array.from({ length: 21 }, () => 'customer.created') })),
    ).toMatchObject({ statusCode: 400 });
  });

  it('reaches 30 days back', async () => {
    const { stripe, control } = await aSandbox();
    await stripe.customers.create();
    const [event] = (await stripe.events.list()).data;
    await control.clock({ now: new Date(Date.now() + 31 * 86_400_000).toISOString() });
    expect((await stripe.events.list()).data).toEqual([]);
    expect(await stripeError(stripe.events.retrieve(event?.id ?? ''))).toMatchObject({
      statusCode: 404,
      code: 'resource_missing',
    });
  });
});

describe('an emitted webhook', () => {
  it('verifies with the Stripe SDK, and its event can be retrieved', async () => {
    const { stripe, control, webhookSecret } = await aSandbox();
    const receiver = await aReceiver();
    const { id } = await stripe.customers.create({ name: 'Zoë' });
    const { event, deliveries } = await control.emit({
      url: receiver.url,
      type: 'customer.updated',
      customerId: id,
      previousAttributes: { name: 'Zoe' },
      times: 2,
    });
    expect(deliveries).toMatchObject([{ status: 200 }, { status: 200 }]);
    expect(receiver.received).toHaveLength(2);
    for (const { body, signature } of receiver.received) {
      const verified = stripe.webhooks.constructEvent(body, signature ?? '', webhookSecret);
      expect(verified).toEqual(event);
      expect(verified.data.object).toMatchObject({ id, name: 'Zoë' });
    }
    expect(await stripe.events.retrieve(event.id)).toEqual(event);
  });

  it.each([
    ['signed with another secret', { signature: 'wrong' }],
    ['ten minutes old', { timestampOffsetSeconds: -600 }],
    ['unsigned', { signature: 'absent' }],
  ])('fails verification when it is %s', async (_case, options) => {
    const { stripe, control, webhookSecret } = await aSandbox();
    const receiver = await aReceiver();
    await control.emit({
      url: receiver.url,
      type: 'charge.succeeded',
      object: { id: 'ch_1', object: 'charge' },
      ...options,
    });
    const [{ body, signature } = { body: '', signature: '' }] = receiver.received;
    expect(() => stripe.webhooks.constructEvent(body, signature ?? '', webhookSecret)).toThrow();
  });

  it('reports an unreachable receiver, and can send an old event again', async () => {
    const { stripe, control } = await aSandbox();
    await stripe.customers.create();
    const [event] = (await stripe.events.list()).data;
    const sent = await control.emit({ url: 'http://127.0.0.1:1/', eventId: event?.id });
    expect(sent).toMatchObject({ event: { id: event?.id }, deliveries: [{ status: null }] });
    expect((await stripe.events.list()).data).toHaveLength(1);
  });
});

async function aReceiver() {
  const received: { body: string; signature: string | undefined }[] = [];
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      received.push({
        body: Buffer.concat(chunks).toString(),
        signature: req.headers['stripe-signature'] as string | undefined,
      });
      res.end('ok');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  later(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, received };
}
