import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { MessageId, SubscriptionId, SubscriptionRef, VenueId } from '../../../contracts/ids.ts';
import { createRetryStore } from '../../../db/dead-letters/retry-store.ts';
import { createDeliveryStore } from '../../../db/outgoing/delivery-store.ts';
import { createApiWorld } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';

let api: ApiWorld;
let venueId: VenueId;
let path: string;
let ref: SubscriptionRef;
beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());
beforeEach(async () => {
  await api.database.admin`truncate subscriptions, outgoing_messages, dead_letters cascade`;
  venueId = await api.aVenue();
  path = `/v1/venues/${venueId}/dead-letters`;
  ref = await aSubscription(venueId);
  api.deadLetterGateway.started.length = 0;
});

async function aSubscription(venue: VenueId): Promise<SubscriptionRef> {
  const subscriptionId = uuidv7() as SubscriptionId;
  await api.database.admin`
    insert into subscriptions (id, venue_id, url) values (${subscriptionId}, ${venue}, 'https://a.example/')`;
  return { venueId: venue, subscriptionId };
}

const store = () => createDeliveryStore(api.database.db);
/** Has the receiver answer what is due. Null: a failed attempt was the last. */
async function answer(status: number, to = ref, retryInMs: number | null = null): Promise<void> {
  const due = await store().takeDue(to, 10);
  const error = status < 300 ? null : 'status';
  const outcomes = due.map(({ id, attempts }) => ({ messageId: id, attempts, status, error, retryInMs }) as const);
  await store().settle(to, outcomes, { url: 'https://a.example/', gone: false, restMs: null });
}

/** A message that its receiver has refused for good. */
async function aFailure(to = ref): Promise<{ readonly id: string; readonly messageId: MessageId }> {
  const messageId = uuidv7() as MessageId;
  await api.database.admin`
    insert into outgoing_messages (id, venue_id, type, data) values (${messageId}, ${to.venueId}, 'sync.finished', '{}')`;
  await api.database.admin`
    insert into deliveries (subscription_id, message_id, venue_id, attempts, next_attempt_at)
    values (${to.subscriptionId}, ${messageId}, ${to.venueId}, 9, now() - interval '1 second')`;
  await answer(500, to);
  const [row] = await api.database.admin<{ id: string }[]>`
    select id from dead_letters where source_key = ${`${to.subscriptionId}/${messageId}`} and state = 'open'`;
  if (!row) throw new Error('the failed delivery is not listed');
  return { id: row.id, messageId };
}

const stateOf = async (id: string) => (await api.send('GET', `${path}/${id}`)).json.state;
const deliveryOf = async ({ messageId }: { readonly messageId: MessageId }) => {
  const [row] = await api.database.admin<{ state: string; attempts: number; is_due: boolean | null }[]>`
    select state, attempts, next_attempt_at <= now() as is_due from deliveries where message_id = ${messageId}`;
  return row;
};
const UNTOUCHED = { state: 'failed', attempts: 10, is_due: null };
const subscriptionPath = () => `/v1/venues/${venueId}/subscriptions/${ref.subscriptionId}`;

describe('a retry of a dead letter of a delivery', () => {
  it('sends the message again, from the first attempt on, and settles the entry when it is accepted', async () => {
    const failure = await aFailure();
    const answered = await api.send('POST', `${path}/${failure.id}/retry`);
    expect(answered).toMatchObject({ status: 202, json: { id: failure.id, source: 'delivery', state: 'retrying' } });
    expect(await deliveryOf(failure)).toEqual({ state: 'pending', attempts: 0, is_due: true });
    expect(await store().claimDue(1_000)).toContainEqual(ref);
    await answer(204);
    expect(await stateOf(failure.id)).toBe('resolved');
    expect(await deliveryOf(failure)).toMatchObject({ state: 'delivered' });
  });

  it('stays the same entry, with one more failure, when the message fails for good again', async () => {
    const failure = await aFailure();
    await api.send('POST', `${path}/${failure.id}/retry`);
    await answer(500, ref, 60_000);
    expect(await stateOf(failure.id)).toBe('retrying');
    await api.send('POST', `${path}/${failure.id}/retry`);
    await answer(500);
    expect((await api.send('GET', path)).json.data).toMatchObject([{ id: failure.id, state: 'open', attempts: 2 }]);
  });

  it('starts no workflow, is audited, and takes up a discarded entry', async () => {
    const failure = await aFailure();
    await api.send('POST', `${path}/${failure.id}/discard`, { json: { reason: 'r' } });
    expect(await api.send('POST', `${path}/${failure.id}/retry`)).toMatchObject({
      ...{ status: 202, json: { state: 'retrying', discarded: null } },
    });
    expect(api.deadLetterGateway.started).toEqual([]);
    expect(await deliveryOf(failure)).toMatchObject({ state: 'pending' });
    const rows = await api.database.admin`
      select target_id from audit_log where venue_id = ${venueId} and action = 'dead-letter.retried'`;
    expect([...rows]).toEqual([{ target_id: failure.id }]);
  });

  it('of a settled entry is refused, and sends nothing again', async () => {
    const failure = await aFailure();
    await api.send('POST', `${path}/${failure.id}/retry`);
    await answer(204);
    expect(await api.send('POST', `${path}/${failure.id}/retry`)).toMatchObject({
      ...{ status: 409, json: { code: 'dead-letter-settled' } },
    });
    expect(await deliveryOf(failure)).toMatchObject({ state: 'delivered' });
  });

  it.each([
    ['whose subscription is disabled', () => api.send('PATCH', subscriptionPath(), { json: { enabled: false } })],
    ['whose message has expired', () => api.database.admin`delete from outgoing_messages where venue_id = ${venueId}`],
  ])('%s is refused, alone and in bulk, and leaves the entry open', async (_what, change) => {
    const failure = await aFailure();
    await change();
    expect(await api.send('POST', `${path}/${failure.id}/retry`)).toMatchObject({
      ...{ status: 409, json: { code: 'dead-letter-not-retryable' } },
    });
    expect((await api.send('POST', `${path}/retry`, { json: {} })).json).toEqual({ retrying: 0 });
    expect(await stateOf(failure.id)).toBe('open');
    expect([undefined, UNTOUCHED]).toContainEqual(await deliveryOf(failure));
  });

  it('of another venue is not found, and sends nothing again', async () => {
    const other = await api.aVenue();
    const theirs = await aFailure(await aSubscription(other));
    expect(await api.send('POST', `${path}/${theirs.id}/retry`)).toMatchObject({ status: 404 });
    expect((await api.send('POST', `${path}/retry`, { json: {} })).json).toEqual({ retrying: 0 });
    expect(await deliveryOf(theirs)).toEqual(UNTOUCHED);
  });
});

describe('a retry of dead letters in bulk', () => {
  it('sends the failed messages that fit the filter again, and no others', async () => {
    const chosen = [await aFailure(), await aFailure()];
    const other = await aFailure();
    const discarded = await aFailure();
    await api.database.admin`update dead_letters set code = 'timeout' where id = ${other.id}`;
    await api.send('POST', `${path}/${discarded.id}/discard`, { json: { reason: 'r' } });
    const answered = await api.send('POST', `${path}/retry`, { json: { source: 'delivery', cause: 'status' } });
    expect(answered).toMatchObject({ status: 202, json: { retrying: 2 } });
    for (const failure of chosen) {
      expect(await stateOf(failure.id)).toBe('retrying');
      expect(await deliveryOf(failure)).toMatchObject({ state: 'pending', attempts: 0 });
    }
    for (const failure of [other, discarded]) expect(await deliveryOf(failure)).toEqual(UNTOUCHED);
    expect(await stateOf(other.id)).toBe('open');
  });

  it('of another source sends no message again', async () => {
    const failure = await aFailure();
    expect((await api.send('POST', `${path}/retry`, { json: { source: 'record' } })).json).toEqual({ retrying: 0 });
    expect(await deliveryOf(failure)).toEqual(UNTOUCHED);
  });
});

describe('a delivery that is retried', () => {
  it('is nothing to the workflow that retries records: neither the sweep nor its cancellation touches it', async () => {
    const failure = await aFailure();
    await api.send('POST', `${path}/${failure.id}/retry`);
    const retries = createRetryStore(api.database.db);
    expect(await retries.listVenues(1_000)).not.toContain(venueId);
    await retries.cancel(venueId);
    expect(await stateOf(failure.id)).toBe('retrying');
  });

  it('is open again when its subscription is disabled meanwhile', async () => {
    const failure = await aFailure();
    const other = await aFailure(await aSubscription(venueId));
    for (const { id } of [failure, other]) await api.send('POST', `${path}/${id}/retry`);
    await api.send('PATCH', subscriptionPath(), { json: { enabled: false } });
    expect(await stateOf(failure.id)).toBe('open');
    expect(await stateOf(other.id)).toBe('retrying');
  });

  it('is settled when its subscription is removed, as every entry of it that is not discarded', async () => {
    const failures = [await aFailure(), await aFailure(), await aFailure()];
    const other = await aFailure(await aSubscription(venueId));
    await api.send('POST', `${path}/${failures[0]?.id ?? ''}/retry`);
    await api.send('POST', `${path}/${failures[1]?.id ?? ''}/discard`, { json: { reason: 'r' } });
    expect(await api.send('DELETE', subscriptionPath())).toMatchObject({ status: 200 });
    const states = await Promise.all(failures.map(({ id }) => stateOf(id)));
    expect(states).toEqual(['resolved', 'discarded', 'resolved']);
    expect(await stateOf(other.id)).toBe('open');
  });
});
