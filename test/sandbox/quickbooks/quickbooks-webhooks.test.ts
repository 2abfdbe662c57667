import { createHmac } from 'node:crypto';
import { expect, it } from 'vitest';
import { until } from '../../support/eventually.ts';
import { later } from '../../support/later.ts';
import { startWebhookReceiver } from '../../support/webhook-receiver.ts';
import { aQuickBooks } from './quickbooks-support.ts';

interface CloudEvent {
  readonly id: string;
  readonly type: string;
  readonly intuitentityid: string;
  readonly intuitaccountid: string;
  readonly data: object;
}

/** A stand-in QuickBooks that tells a receiver of its changes. */
async function aTalkingQuickBooks(format: 'cloudevents' | 'legacy' = 'cloudevents') {
  const receiver = await startWebhookReceiver();
  later(() => receiver.close());
  receiver.answer({ status: 200 });
  const quickbooks = await aQuickBooks();
  await quickbooks.control.send('POST', '/webhooks', { url: receiver.url, format });
  const events = () => receiver.received.flatMap(({ body }) => body as unknown as readonly CloudEvent[]);
  const received = (count: number) =>
    until(() => receiver.received.length >= count, { limitMs: 20_000, what: `${count} deliveries have come` });
  const told = (count: number) =>
    until(() => events().length >= count, { limitMs: 20_000, what: `${count} events have come` });
  return { ...quickbooks, receiver, events, received, told };
}

it('tells of creations, updates, voids, deletions and merges by CloudEvents that its verifier token has signed', async () => {
  const { company, receiver, events, told, webhookSecret } = await aTalkingQuickBooks();
  await company.write('customer', { DisplayName: 'Ada' });
  await company.write('customer', { DisplayName: 'Bea' });
  await company.write('customer', { Id: '1', SyncToken: '0', sparse: true, DisplayName: 'Ada L.' });
  await company.put('Item', [{ Id: '1', Name: 'Beds', Type: 'Service' }]);
  const Line = [{ Amount: 9, DetailType: 'SalesItemLineDetail', SalesItemLineDetail: { ItemRef: { value: '1' } } }];
  await company.write('batch', {
    BatchItemRequest: [{ bId: '0', operation: 'create', Invoice: { CustomerRef: { value: '1' }, Line } }],
  });
  await company.write('invoice?operation=void', { Id: '1', SyncToken: '0' });
  await company.write('invoice?operation=delete', { Id: '1', SyncToken: '1' });
  await company.vanish('Customer', '2', '1');
  await told(7);
  expect(events().map(({ type, intuitentityid: id, data }) => [type, id, data])).toEqual([
    ['qbo.customer.created.v1', '1', {}],
    ['qbo.customer.created.v1', '2', {}],
    ['qbo.customer.updated.v1', '1', {}],
    ['qbo.invoice.created.v1', '1', {}],
    ['qbo.invoice.void.v1', '1', {}],
    ['qbo.invoice.deleted.v1', '1', {}],
    ['qbo.customer.merged.v1', '1', { deletedid: '2' }],
  ]);
  expect(new Set(events().map(({ id }) => id)).size).toBe(7);
  for (const { intuitaccountid: realm } of events()) expect(realm).toBe(company.id);
  for (const { headers, text } of receiver.received)
    expect(headers['intuit-signature']).toBe(createHmac('sha256', webhookSecret).update(text).digest('base64'));
});

it('tells of nothing that is refused, and of a repeated requestid once', async () => {
  const { company, events, told } = await aTalkingQuickBooks();
  expect((await company.ask('POST', 'customer', {})).status).toBe(400);
  for (let sent = 0; sent < 2; sent += 1) await company.write('customer?requestid=r-1', { DisplayName: 'Ada' });
  await company.write('customer', { DisplayName: 'Bea' });
  await told(2);
  expect(events().map(({ intuitentityid: id }) => id)).toEqual(['1', '2']);
});

it('writes the earlier format, one notification for each company', async () => {
  const { company, receiver, received } = await aTalkingQuickBooks('legacy');
  await company.write('customer', { DisplayName: 'Ada' });
  await received(1);
  expect(receiver.received[0]?.body).toMatchObject({
    eventNotifications: [
      { realmId: company.id, dataChangeEvent: { entities: [{ name: 'Customer', id: '1', operation: 'Create' }] } },
    ],
  });
});

it('repeats a delivery that is not acknowledged, and holds back later events until it is', async () => {
  const { company, receiver, events, received, told } = await aTalkingQuickBooks();
  receiver.answer({ status: 500 });
  await company.write('customer', { DisplayName: 'Ada' });
  await received(1);
  await company.write('customer', { DisplayName: 'Bea' });
  receiver.answer({ status: 200 });
  await told(3);
  expect(events().map(({ intuitentityid: id }) => id)).toEqual(['1', '1', '2']);
  expect(receiver.received[0]?.text).toBe(receiver.received[1]?.text);
});

it('emits any changes on request, also with a wrong signature or none', async () => {
  const { company, control, receiver, webhookSecret } = await aTalkingQuickBooks();
  const changes = [{ entity: 'Hologram', id: '7', operation: 'Update' }];
  for (const signature of ['valid', 'wrong', 'absent'])
    await control.send('POST', '/emit', { url: receiver.url, company: company.id, changes, signature });
  const signatures = receiver.received.map(({ headers, text }) => {
    const right = createHmac('sha256', webhookSecret).update(text).digest('base64');
    const given = headers['intuit-signature'];
    return given === undefined ? 'absent' : given === right ? 'valid' : 'wrong';
  });
  expect(signatures).toEqual(['valid', 'wrong', 'absent']);
});
