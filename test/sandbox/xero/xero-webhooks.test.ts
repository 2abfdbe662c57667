import { createHmac } from 'node:crypto';
import { expect, it } from 'vitest';
import { until } from '../../support/eventually.ts';
import { later } from '../../support/later.ts';
import { startWebhookReceiver } from '../../support/webhook-receiver.ts';
import { aXero, objectIn } from './xero-support.ts';

interface Delivery {
  readonly events: readonly {
    readonly eventCategory: string;
    readonly eventType: string;
    readonly resourceId: string;
    readonly tenantId: string;
  }[];
  readonly firstEventSequence: number;
  readonly lastEventSequence: number;
}

/** A stand-in Xero that tells a receiver of its changes. */
async function aTalkingXero() {
  const receiver = await startWebhookReceiver();
  later(() => receiver.close());
  const xero = await aXero({ webhookUrl: receiver.url });
  const deliveries = () => receiver.received.map(({ body }) => body as unknown as Delivery);
  const events = () => deliveries().flatMap((delivery) => delivery.events);
  const told = (count: number) =>
    until(() => events().length >= count, { limitMs: 20_000, what: `${count} events have come` });
  return { ...xero, receiver, deliveries, events, told };
}

it('tells of contacts, invoices and credit notes that were made and changed, signed and in sequence', async () => {
  const { organisation, receiver, deliveries, events, told, webhookSecret } = await aTalkingXero();
  const contact = await objectIn('Contacts', organisation.ask('PUT', 'Contacts', { body: { Name: 'Ada' } }));
  await organisation.ask('POST', 'Contacts', { body: { ContactID: contact['ContactID'], Name: 'Ada L.' } });
  const invoice = await objectIn(
    'Invoices',
    organisation.ask('PUT', 'Invoices', {
      body: { Type: 'ACCREC', Contact: { ContactID: contact['ContactID'] }, LineItems: [] },
    }),
  );
  // Of items nothing is told.
  await organisation.ask('PUT', 'Items', { body: { Code: 'CHAI' } });
  await organisation.vanish('Invoices', String(invoice['InvoiceID']));
  await told(4);
  expect(events().map(({ eventCategory, eventType, resourceId }) => [eventCategory, eventType, resourceId])).toEqual([
    ['CONTACT', 'CREATE', contact['ContactID']],
    ['CONTACT', 'UPDATE', contact['ContactID']],
    ['INVOICE', 'CREATE', invoice['InvoiceID']],
    ['INVOICE', 'UPDATE', invoice['InvoiceID']],
  ]);
  let next = 1;
  for (const { events: told, firstEventSequence: first, lastEventSequence: last } of deliveries()) {
    expect([first, last]).toEqual([next, next + told.length - 1]);
    next = last + 1;
  }
  for (const { tenantId } of events()) expect(tenantId).toBe(organisation.id);
  for (const { headers, text } of receiver.received)
    expect(headers['x-xero-signature']).toBe(createHmac('sha256', webhookSecret).update(text).digest('base64'));
});

it('tells of what one request has changed in one delivery, and of nothing that is refused or was seeded', async () => {
  const { organisation, deliveries, told } = await aTalkingXero();
  await organisation.seed('Contacts', 3);
  await organisation.ask('PUT', 'Contacts', { body: { Name: '' } });
  const body = { Contacts: ['Ada', 'Bea', 'Cleo'].map((Name) => ({ Name })) };
  await organisation.ask('PUT', 'Contacts', { body });
  await told(3);
  expect(deliveries().map(({ events }) => events.length)).toEqual([3]);
});

it('registers only an address that refuses a wrong signature with 401 and answers without a body', async () => {
  const { control, receiver } = await aTalkingXero();
  const register = () => control.send<{ readonly url: string | null }>('POST', '/webhooks', { url: receiver.url });
  // Takes whatever comes.
  receiver.answer({ status: 200 });
  expect((await register()).url).toBeNull();
  receiver.answer({ status: 401 });
  expect((await register()).url).toBeNull();
  expect(receiver.received.map(({ body }) => body)).toMatchObject([
    { events: [], firstEventSequence: 0, lastEventSequence: 0 },
    { events: [] },
    { events: [] },
  ]);
});

it('repeats a delivery that is not acknowledged', async () => {
  const { organisation, receiver, told } = await aTalkingXero();
  receiver.answer({ status: 500 });
  await organisation.ask('PUT', 'Contacts', { body: { Name: 'Ada' } });
  await told(1);
  receiver.answer({ status: 200 });
  await told(2);
  expect(receiver.received[0]?.text).toBe(receiver.received[1]?.text);
});
