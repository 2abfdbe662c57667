import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionId, RecordId, VenueId } from '../../../contracts/ids.ts';
import { withVenue } from '../../../db/core/venue-scope.ts';
import { addDeadLetter, resolveDeadLetters } from '../../../db/dead-letters/dead-letters.ts';
import type { NewDeadLetter } from '../../../db/dead-letters/dead-letters.ts';
import { aConnection } from '../../db/builders.ts';
import { aToken, createApiWorld } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';

let api: ApiWorld;
let venueId: VenueId;
let connectionId: ConnectionId;
let path: string;

beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());
beforeEach(async () => {
  await api.database.admin`truncate venues cascade`;
  venueId = await api.aVenue();
  connectionId = (await aConnection(api.database.db, venueId)).id;
  path = `/v1/venues/${venueId}/dead-letters`;
  api.deadLetterGateway.started.length = 0;
  api.deadLetterGateway.away = false;
});

/** Lists a failure, as a sync, the inbox or a delivery does. Returns the entry's id. */
async function aFailure(letter: Partial<NewDeadLetter> = {}, venue = venueId): Promise<string> {
  const sourceKey = letter.sourceKey ?? uuidv7();
  const failure: NewDeadLetter = {
    ...{ venueId: venue, source: 'record', sourceKey, code: 'rejected', message: 'The provider refused it.' },
    ...{ provider: 'stripe', connectionId, resource: 'customers', direction: 'push', externalId: 'cus_1' },
    ...letter,
  };
  await withVenue(api.database.db, venue, (tx) => addDeadLetter(tx, failure));
  const [row] = await api.database.admin<{ id: string }[]>`
    select id from dead_letters where venue_id = ${venue} and source_key = ${sourceKey}`;
  return row?.id ?? '';
}

async function aRecord(): Promise<RecordId> {
  const records = `/v1/venues/${venueId}/records/customers`;
  await api.send('POST', `${records}/batch`, {
    json: { records: [{ sourceId: 'c-1', name: 'Ada', email: 'ada@shop.test' }] },
  });
  return (await api.send('GET', records)).json.data[0]?.id as RecordId;
}
const nameOf = async (recordId: string) =>
  (await api.send('GET', `/v1/venues/${venueId}/records/customers/${recordId}`)).json;
const read = async (id: string) => (await api.send('GET', `${path}/${id}`)).json;
const audited = async (action: string) =>
  api.database.admin<{ target_id: string; details: object; actor: string }[]>`
    select target_id, details, actor from audit_log where venue_id = ${venueId} and action = ${action}`;

const setState = (state: string, id: string = connectionId) =>
  api.database.admin`update connections set state = ${state} where id = ${id}`;

describe('the list of dead letters', () => {
  it('shows what failed, why, and its failures, and never what it holds', async () => {
    const id = await aFailure({ sourceKey: 'k', recordId: await aRecord() });
    await aFailure({ sourceKey: 'k', code: 'not-mappable', message: 'email is missing.' });
    const answer = await api.send('GET', path);
    expect(answer.json).toMatchObject({
      nextCursor: null,
      data: [
        {
          ...{ id, source: 'record', state: 'open', cause: 'not-mappable', message: 'email is missing.' },
          ...{ provider: 'stripe', connectionId, resource: 'customers', direction: 'push', attempts: 2 },
          ...{ eventId: null, deliveryId: null, discarded: null, settledAt: null, retriedAt: null },
          history: [{ cause: 'rejected', syncId: null }, { cause: 'not-mappable' }],
        },
      ],
    });
    expect(answer.text).not.toContain('ada@shop.test');
    expect(await read(id)).toEqual(answer.json.data[0]);
  });

  it('is filtered by source, provider, connection, resource, cause, state and time', async () => {
    const other = (await aConnection(api.database.db, venueId)).id;
    const one = await aFailure({ code: 'one' });
    const two = await aFailure({
      source: 'event',
      code: 'two',
      resource: null,
      provider: 'square',
      connectionId: other,
    });
    await api.database.admin`update dead_letters set last_failed_at = '2026-01-01' where id = ${one}`;
    await api.send('POST', `${path}/${two}/discard`, { json: { reason: 'of no use' } });
    const found = async (query: string) => (await api.send('GET', `${path}?${query}`)).json.data.map(({ id }) => id);
    for (const query of ['source=record', 'provider=stripe', `connectionId=${connectionId}`, 'resource=customers'])
      expect([query, await found(query)]).toEqual([query, [one]]);
    for (const query of ['cause=one', 'state=open', 'failedTo=2026-02-01T00:00:00Z'])
      expect([query, await found(query)]).toEqual([query, [one]]);
    for (const query of ['cause=two', 'state=discarded', 'failedFrom=2026-02-01T00:00:00Z', 'source=event'])
      expect([query, await found(query)]).toEqual([query, [two]]);
  });

  it('refuses a wrong filter and names each wrong parameter', async () => {
    const answer = await api.send(
      'GET',
      `${path}?source=nowhere&state=lost&failedFrom=yesterday&colour=red&resource=customer`,
    );
    expect(answer.status).toBe(400);
    expect(answer.json.errors.map((error) => error.path).sort()).toEqual([
      'colour',
      'failedFrom',
      'resource',
      'source',
      'state',
    ]);
    const groups = await api.send('GET', `${path}/groups?resource=customer`);
    expect([groups.status, groups.json.errors.map((error) => error.path)]).toEqual([400, ['resource']]);
  });

  it('is paged, newest first, and stays stable while more fails', async () => {
    const ids = [await aFailure(), await aFailure(), await aFailure()];
    const first = await api.send('GET', `${path}?limit=2`);
    await aFailure();
    const second = await api.send('GET', `${path}?limit=2&cursor=${first.json.nextCursor ?? ''}`);
    expect([...first.json.data, ...second.json.data].map(({ id }) => id)).toEqual(ids.toReversed());
  });

  it('of one venue is nothing to another, whose entry answers 404 to every operation', async () => {
    const other = await api.aVenue();
    const theirs = await aFailure({ connectionId: (await aConnection(api.database.db, other)).id }, other);
    expect((await api.send('GET', path)).json.data).toEqual([]);
    expect((await api.send('GET', `${path}/groups`)).json).toMatchObject({ depth: 0, data: [] });
    const requests = [
      api.send('GET', `${path}/${theirs}`),
      api.send('GET', `${path}/${theirs}/payload`),
      api.send('PATCH', `${path}/${theirs}`, { json: { fields: {} } }),
      api.send('POST', `${path}/${theirs}/retry`),
      api.send('POST', `${path}/${theirs}/discard`, { json: { reason: 'r' } }),
      api.send('GET', `${path}/${uuidv7()}`),
      api.send('GET', `${path}/no-uuid`),
    ];
    for (const request of requests)
      expect(await request).toMatchObject({ status: 404, json: { code: 'dead-letter-not-found' } });
    expect((await api.send('POST', `${path}/retry`, { json: {} })).json).toEqual({ retrying: 0 });
    const [row] = await api.database.admin`select state from dead_letters where id = ${theirs}`;
    expect(row).toEqual({ state: 'open' });
  });
});

describe('the groups of dead letters', () => {
  it('count unsettled entries by source, cause, provider and resource, the largest first, with depth and age', async () => {
    await aFailure({ code: 'few' });
    for (let times = 0; times < 3; times += 1) await aFailure({ code: 'many' });
    await aFailure({ code: 'many', resource: 'products' });
    const settled = await aFailure({ code: 'many' });
    await api.send('POST', `${path}/${settled}/discard`, { json: { reason: 'r' } });
    await api.database.admin`update dead_letters set first_failed_at = '2026-01-01' where code = 'few'`;
    const { json } = await api.send('GET', `${path}/groups`);
    expect(json).toMatchObject({
      ...{ depth: 5, oldestAt: '2026-01-01T00:00:00.000Z' },
      data: [
        { source: 'record', cause: 'many', provider: 'stripe', resource: 'customers', count: 3 },
        { cause: 'few', count: 1, oldestAt: '2026-01-01T00:00:00.000Z' },
        { cause: 'many', resource: 'products', count: 1 },
      ],
    });
    expect((await api.send('GET', `${path}/groups?resource=products`)).json).toMatchObject({ depth: 1 });
  });
});

describe('a dead letter that is discarded', () => {
  it('needs a reason, keeps who gave it, and is audited without it', async () => {
    const id = await aFailure();
    for (const json of [{}, { reason: '' }, { reason: '  ' }, { reason: 'x'.repeat(501) }, { reason: 1 }])
      expect(await api.send('POST', `${path}/${id}/discard`, { json })).toMatchObject({ status: 400 });
    expect(await read(id)).toMatchObject({ state: 'open' });
    const answer = await api.send('POST', `${path}/${id}/discard`, { json: { reason: 'Closed shop' } });
    expect(answer).toMatchObject({
      status: 200,
      json: { state: 'discarded', discarded: { by: 'tester', reason: 'Closed shop' } },
    });
    const rows = await audited('dead-letter.discarded');
    expect(rows).toMatchObject([{ target_id: id, details: { source: 'record', cause: 'rejected' } }]);
    expect(JSON.stringify(rows)).not.toContain('Closed shop');
  });

  it('cannot be discarded again, can be retried, and is then no longer discarded', async () => {
    const id = await aFailure();
    await api.send('POST', `${path}/${id}/discard`, { json: { reason: 'r' } });
    expect(await api.send('POST', `${path}/${id}/discard`, { json: { reason: 'again' } })).toMatchObject({
      status: 409,
      json: { code: 'dead-letter-settled' },
    });
    expect(await api.send('POST', `${path}/${id}/retry`)).toMatchObject({
      status: 202,
      json: { state: 'retrying', discarded: null, settledAt: null },
    });
  });
});

describe('a retry', () => {
  it('marks the entry, starts the venue’s retries, and is audited', async () => {
    const id = await aFailure();
    const answer = await api.send('POST', `${path}/${id}/retry`);
    expect(answer).toMatchObject({ status: 202, json: { id, state: 'retrying', attempts: 1 } });
    expect(api.deadLetterGateway.started).toEqual([venueId]);
    expect(await audited('dead-letter.retried')).toMatchObject([{ target_id: id }]);
  });

  it('is kept for the sweep when Temporal is away', async () => {
    const id = await aFailure();
    api.deadLetterGateway.away = true;
    expect(await api.send('POST', `${path}/${id}/retry`)).toMatchObject({ status: 202 });
    expect(await read(id)).toMatchObject({ state: 'retrying' });
  });

  it('of a resolved entry, or of an object without an id, is refused', async () => {
    const resolved = await aFailure({ sourceKey: 'done' });
    await withVenue(api.database.db, venueId, (tx) => resolveDeadLetters(tx, 'record', ['done']));
    const unnamed = await aFailure({ externalId: null });
    expect(await api.send('POST', `${path}/${resolved}/retry`)).toMatchObject({
      status: 409,
      json: { code: 'dead-letter-settled' },
    });
    expect(await api.send('POST', `${path}/${unnamed}/retry`)).toMatchObject({
      status: 409,
      json: { code: 'dead-letter-not-retryable' },
    });
    expect(api.deadLetterGateway.started).toEqual([]);
    expect(await read(unnamed)).toMatchObject({ state: 'open' });
  });

  it('of a resolved entry is neither advised nor prepared by an edit', async () => {
    const id = await aFailure({ sourceKey: 'done', recordId: await aRecord() });
    expect(await read(id)).toMatchObject({ editable: true, nextAction: expect.stringContaining('retry') as string });
    await withVenue(api.database.db, venueId, (tx) => resolveDeadLetters(tx, 'record', ['done']));
    expect(await read(id)).toMatchObject({
      ...{ state: 'resolved', editable: false },
      nextAction: 'Nothing: it succeeded later, or there is nothing left to do.',
    });
  });

  it('in bulk takes the open entries that fit the filter, and leaves discarded, resolved and other ones', async () => {
    const chosen = [await aFailure({ code: 'a' }), await aFailure({ code: 'a' })];
    const other = await aFailure({ code: 'b' });
    const discarded = await aFailure({ code: 'a' });
    await api.send('POST', `${path}/${discarded}/discard`, { json: { reason: 'r' } });
    const unnamed = await aFailure({ code: 'a', externalId: null });
    const answer = await api.send('POST', `${path}/retry`, { json: { cause: 'a' } });
    expect(answer).toMatchObject({ status: 202, json: { retrying: 2 } });
    for (const id of chosen) expect(await read(id)).toMatchObject({ state: 'retrying' });
    expect(await read(other)).toMatchObject({ state: 'open' });
    expect(await read(unnamed)).toMatchObject({ state: 'open' });
    expect(await read(discarded)).toMatchObject({ state: 'discarded' });
    expect(await audited('dead-letters.retried')).toMatchObject([
      { details: { count: 2, cause: 'a', provider: null } },
    ]);
    expect((await api.send('POST', `${path}/retry`, { json: { cause: 'a' } })).json).toEqual({ retrying: 0 });
    expect(api.deadLetterGateway.started).toEqual([venueId]);
  });

  it.each(['needs-reauth', 'suspended', 'disconnecting', 'disconnected'] as const)(
    'is refused while the connection is %s, in which no run begins, and leaves the entry as it was',
    async (state) => {
      const [open, discarded] = [await aFailure(), await aFailure()];
      await api.send('POST', `${path}/${discarded}/discard`, { json: { reason: 'r' } });
      await setState(state);
      for (const id of [open, discarded])
        expect(await api.send('POST', `${path}/${id}/retry`)).toMatchObject({
          status: 409,
          json: { code: 'connection-not-active', detail: expect.stringContaining(`is ${state}`) as string },
        });
      expect(await api.send('POST', `${path}/retry`, { json: {} })).toMatchObject({ json: { retrying: 0 } });
      expect(await read(open)).toMatchObject({ state: 'open', retriedAt: null });
      expect(await read(discarded)).toMatchObject({ state: 'discarded', discarded: { reason: 'r' } });
      expect(api.deadLetterGateway.started).toEqual([]);
      expect(await audited('dead-letter.retried')).toEqual([]);
    },
  );

  it('begins on a degraded connection, and in bulk beside entries of one that cannot be used', async () => {
    const here = await aFailure();
    await setState('degraded');
    const away = await aConnection(api.database.db, venueId);
    const there = await aFailure({ connectionId: away.id });
    await setState('suspended', away.id);
    expect(await api.send('POST', `${path}/retry`, { json: {} })).toMatchObject({ json: { retrying: 1 } });
    expect(await read(here)).toMatchObject({ state: 'retrying' });
    expect(await read(there)).toMatchObject({ state: 'open' });
  });

  it('in bulk refuses a wrong filter and retries nothing', async () => {
    const id = await aFailure();
    const answer = await api.send('POST', `${path}/retry`, {
      json: { source: 'x', connectionId: 'y', limit: 1, resource: 'customer' },
    });
    expect(answer.status).toBe(400);
    expect(answer.json.errors.map((error) => error.path).sort()).toEqual([
      'connectionId',
      'limit',
      'resource',
      'source',
    ]);
    expect(await read(id)).toMatchObject({ state: 'open' });
  });
});

describe('an edit', () => {
  it('changes the venue’s record, under its rules, and is audited by the names of its fields', async () => {
    const recordId = await aRecord();
    const id = await aFailure({ recordId });
    const answer = await api.send('PATCH', `${path}/${id}`, { json: { fields: { email: 'mended@shop.test' } } });
    expect(answer).toMatchObject({ status: 200, json: { id, state: 'open' } });
    expect(await nameOf(recordId)).toMatchObject({ name: 'Ada', email: 'mended@shop.test', version: 2 });
    const rows = await audited('dead-letter.edited');
    expect(rows).toMatchObject([{ target_id: id, details: { fields: 'email', resource: 'customers' } }]);
    expect(JSON.stringify(rows)).not.toContain('mended');
  });

  it('of a wrong shape names every wrong field and changes nothing', async () => {
    const recordId = await aRecord();
    const id = await aFailure({ recordId });
    const fields = { email: 5, phone: 'x'.repeat(1_000), colour: 'red', sourceId: 'c-2', name: 'Bea' };
    const answer = await api.send('PATCH', `${path}/${id}`, { json: { fields } });
    expect(answer).toMatchObject({ status: 400, json: { code: 'invalid-request' } });
    expect(answer.json.errors.map((error) => error.path).sort()).toEqual([
      'fields.colour',
      'fields.email',
      'fields.phone',
      'fields.sourceId',
    ]);
    expect(await nameOf(recordId)).toMatchObject({ name: 'Ada', version: 1 });
    expect(await audited('dead-letter.edited')).toEqual([]);
  });

  it('never renames the record, and takes no body of another shape', async () => {
    const id = await aFailure({ recordId: await aRecord() });
    expect((await api.send('PATCH', `${path}/${id}`, { json: { fields: { sourceId: 'c-2' } } })).json).toMatchObject({
      errors: [{ path: 'fields.sourceId' }],
    });
    for (const json of [{}, { fields: 1 }, { fields: [] }, { fields: {}, state: 'resolved' }])
      expect(await api.send('PATCH', `${path}/${id}`, { json })).toMatchObject({ status: 400 });
  });

  it('is refused for a provider’s object, an event, a deleted record and a resolved entry', async () => {
    const recordId = await aRecord();
    const gone = await aFailure({ recordId: uuidv7() as RecordId });
    const object = await aFailure({ direction: 'pull', externalId: 'cus_1' });
    const unnamed = await aFailure({ direction: 'pull', externalId: null, sourceKey: 'unnamed' });
    const event = await aFailure({ source: 'event', resource: null });
    for (const [id, advice] of [
      [gone, 'discard the entry'],
      [object, 'retry the entry: the object is read again'],
      [unnamed, 'start a full pull'],
      [event, 'the event is handled again'],
    ] as const)
      expect(await api.send('PATCH', `${path}/${id}`, { json: { fields: { name: 'B' } } })).toMatchObject({
        status: 409,
        json: { code: 'dead-letter-not-editable', detail: expect.stringContaining(advice) as string },
      });
    expect(await read(object)).toMatchObject({
      editable: false,
      nextAction: expect.stringContaining('the object is read again') as string,
    });
    expect(await read(await aFailure({ recordId }))).toMatchObject({ editable: true });
    const resolved = await aFailure({ recordId, sourceKey: 'done' });
    await withVenue(api.database.db, venueId, (tx) => resolveDeadLetters(tx, 'record', ['done']));
    expect(await api.send('PATCH', `${path}/${resolved}`, { json: { fields: { name: 'B' } } })).toMatchObject({
      status: 409,
      json: { code: 'dead-letter-settled' },
    });
    expect(await nameOf(recordId)).toMatchObject({ name: 'Ada' });
  });
});

describe('the payload of a dead letter', () => {
  it('is the venue’s record, or says that only the provider has it', async () => {
    const pushed = await aFailure({ recordId: await aRecord() });
    const pulled = await aFailure({ direction: 'pull' });
    const gone = await aFailure({ recordId: uuidv7() as RecordId });
    expect((await api.send('GET', `${path}/${pushed}/payload`)).json).toMatchObject({
      ...{ heldBy: 'venue', body: null, record: { email: 'ada@shop.test' } },
    });
    expect((await api.send('GET', `${path}/${pulled}/payload`)).json).toEqual({
      ...{ heldBy: 'provider', record: null, body: null },
    });
    expect((await api.send('GET', `${path}/${gone}/payload`)).json).toMatchObject({ heldBy: 'nobody' });
    expect(await audited('dead-letter.payload-read')).toHaveLength(3);
  });

  it('is the body of the event until that expires', async () => {
    const eventId = uuidv7();
    await api.database.admin`
      insert into webhook_events (id, provider, endpoint, event_key, type, partition, body)
      values (${eventId}, 'square', 'app', ${eventId}, 'a.type', 0, '{"email":"ada@shop.test"}')`;
    const id = await aFailure({ source: 'event', sourceKey: eventId, resource: null });
    expect(await read(id)).toMatchObject({ eventId });
    expect((await api.send('GET', `${path}/${id}/payload`)).json).toMatchObject({
      ...{ heldBy: 'venue', record: null, body: '{"email":"ada@shop.test"}' },
    });
    await api.database.admin`update webhook_events set body = null where id = ${eventId}`;
    expect((await api.send('GET', `${path}/${id}/payload`)).json).toMatchObject({ heldBy: 'nobody', body: null });
    expect(await api.send('POST', `${path}/${id}/retry`)).toMatchObject({
      ...{
        status: 409,
        json: { code: 'dead-letter-not-retryable', detail: expect.stringContaining('full pull') as string },
      },
    });
    expect((await api.send('POST', `${path}/retry`, { json: {} })).json).toMatchObject({ retrying: 0 });
    await api.database.admin`delete from webhook_events where id = ${eventId}`;
    expect(await api.send('POST', `${path}/${id}/retry`)).toMatchObject({ status: 202 });
  });

  it('is for operators, and reaches neither the list nor the log', async () => {
    const id = await aFailure({ recordId: await aRecord() });
    const token = await aToken({ role: 'viewer' });
    expect(await api.send('GET', `${path}/${id}/payload`, { token })).toMatchObject({ status: 403 });
    expect(await api.send('GET', `${path}/${id}`, { token })).toMatchObject({ status: 200 });
    await api.send('GET', `${path}/${id}/payload`);
    expect(api.logLines.join('')).not.toContain('ada@shop.test');
  });
});
