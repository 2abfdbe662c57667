import { expect, it } from 'vitest';
import type { Call } from '../../../providers/provider.ts';
import { Secret } from '../../../vault/secret.ts';
import { aKey, allTime, createQuickBooksWorld } from './quickbooks-world.ts';

const world = createQuickBooksWorld();

/** A session that notes the classes of its calls. */
function listening() {
  const classes: string[] = [];
  const call: Call = (request, about) => {
    classes.push(about?.callClasses.join('+') ?? '');
    return request();
  };
  const { token, id } = world.company();
  const session = world.adapter().open({ secretKey: new Secret(token), onBehalfOf: id, call });
  return { session, classes };
}

it('counts every read as one: queries, change data capture, single objects and the company', async () => {
  await world.company().seed('Customer', 1);
  const { session, classes } = listening();
  const customers = session.resource('customers');
  await session.account();
  await customers.count();
  await customers.listPage({ ...allTime, stream: 'customers', after: null });
  await customers.listPage({ ...allTime, stream: 'changed-customers', fromEpochS: null, after: null });
  await customers.retrieve('1');
  await customers.retrieveMany?.read(['1', '2']);
  expect(classes).toEqual(['read', 'read', 'read', 'read', 'read', 'read']);
});

it('counts batches apart, and the reads before an update as reads', async () => {
  const { session, classes } = listening();
  const writer = session.resource('customers').writer;
  const fields = { name: 'Ada', email: null, phone: null, address: null, marketingConsent: null, metadata: {} };
  const created = await writer?.create(world.map('customers', fields), aKey());
  expect(classes).toEqual(['batch']);
  await writer?.archive(created?.externalId ?? '', aKey());
  expect(classes).toEqual(['batch', 'read', 'batch']);
});
