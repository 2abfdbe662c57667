import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionId } from '../../../contracts/ids.ts';
import type { SealedSecret } from '../../../contracts/vault.ts';
import { createAuthorizationExchangeStore } from '../../../db/connections/authorization-exchange-store.ts';
import type { AuthorizationExchangeStore, ExchangeRef } from '../../../db/connections/authorization-exchange-store.ts';
import { createVenueStore } from '../../../db/core/venue-store.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';

const SEALED = new Uint8Array([1, 2, 3]) as SealedSecret;

let database: TestDatabase;
let store: AuthorizationExchangeStore;
let exchange: ExchangeRef;
beforeAll(async () => {
  database = await createTestDatabase();
  store = createAuthorizationExchangeStore(database.db);
});
afterAll(() => database.drop());
beforeEach(async () => {
  exchange = await anExchange('connecting');
});

async function anExchange(state: string): Promise<ExchangeRef> {
  const venue = await createVenueStore(database.db).create({
    sourceId: null,
    name: 'A venue',
    timeZone: 'UTC',
    currency: 'EUR',
  });
  if (venue === 'source-id-taken') throw new Error('a venue without a sourceId cannot clash');
  const connectionId = uuidv7() as ConnectionId;
  await database.admin`insert into connections (id, venue_id, provider, environment, state) values (${connectionId}, ${venue.id}, 'square', 'sandbox', ${state})`;
  return { venueId: venue.id, connectionId, attemptId: `authorize/${connectionId}` };
}

describe('the exchange of an attempt’s code', () => {
  it('begins once, and is unanswered for concurrent callers', async () => {
    const begun = await Promise.all([store.begin(exchange), store.begin(exchange), store.begin(exchange)]);
    expect(begun.map(({ status }) => status).toSorted()).toEqual(['begun', 'unanswered', 'unanswered']);
  });

  it('begins again after a failure, and reports that it was answered before', async () => {
    await store.begin(exchange);
    await store.noteFailure(exchange);
    expect(await store.begin(exchange)).toEqual({ status: 'begun', answeredBefore: true });
    expect(await store.begin(exchange)).toEqual({ status: 'unanswered', sentMsAgo: expect.any(Number) as number });
  });

  it('tells a later caller how long ago the code was sent, each time anew', async () => {
    await store.begin(exchange);
    await database.admin`update authorization_exchanges set updated_at = now() - interval '90 seconds' where attempt_id = ${exchange.attemptId}`;
    const found = await store.begin(exchange);
    expect(found.status === 'unanswered' && found.sentMsAgo / 1_000).toBeCloseTo(90, -1);
  });

  it('begins as if for the first time when it never reached the provider', async () => {
    await store.begin(exchange);
    await store.forget(exchange);
    expect(await store.begin(exchange)).toEqual({ status: 'begun', answeredBefore: false });
  });

  it('keeps the grant that it obtained, even when another attempt records a failure', async () => {
    await store.begin(exchange);
    await store.keep(exchange, SEALED);
    await store.noteFailure(exchange);
    await store.forget(exchange);
    const found = await store.begin(exchange);
    expect(found.status === 'granted' && [...found.sealedGrant]).toEqual([1, 2, 3]);
  });

  it.each(['disconnecting', 'disconnected'])('does not begin for a connection that is %s', async (state) => {
    const { connectionId } = exchange;
    await database.admin`update connections set state = ${state}, external_account_id = 'A' where id = ${connectionId}`;
    expect(await store.begin(exchange)).toEqual({ status: 'withdrawn' });
  });

  it('does not begin for another venue’s connection', async () => {
    const other = await anExchange('connecting');
    expect(await store.begin({ ...exchange, connectionId: other.connectionId, venueId: exchange.venueId })).toEqual({
      status: 'withdrawn',
    });
  });
});
