import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionId, VenueId } from '../../../contracts/ids.ts';
import { digestOf } from '../../../db/core/sealed-answer.ts';
import { aConnection } from '../../db/builders.ts';
import { aToken, createApiWorld } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';

let api: ApiWorld;
beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());

let key: string;
let headers: Readonly<Record<string, string>>;
beforeEach(() => {
  key = randomUUID();
  headers = { 'idempotency-key': key };
});

/** Simulates a process that died after its work and before it stored the answer, once its claim has lapsed. */
async function loseAnswer(): Promise<void> {
  const lost = await api.database.admin`
    update idempotency_keys set status = null, answer = null, locked_until = now() - interval '1 second' where key = ${digestOf({ key })} returning key`;
  expect(lost.length).toBeGreaterThan(0);
}

describe('a retried start whose answer was never stored', () => {
  let venueId: VenueId;
  let connectionId: ConnectionId;
  let path: string;
  beforeEach(async () => {
    venueId = await api.aVenue();
    connectionId = (await aConnection(api.database.db, venueId)).id;
    path = `/v1/venues/${venueId}/syncs`;
  });

  const order = (changes: object = {}) => ({
    connectionId,
    resource: 'customers',
    direction: 'push',
    mode: 'full',
    ...changes,
  });
  const start = (changes?: object) => api.send('POST', path, { json: order(changes), headers });
  const startedFor = (id: string) => api.gateway.started.filter((run) => run.id === id).length;
  const runs = async () => (await api.send('GET', path)).json.data.map(({ id }) => id);
  const finish = async (id: string, outcome = 'completed') => {
    await api.database
      .admin`update sync_runs set finished_at = now(), phase = 'finished', outcome = ${outcome} where id = ${id}`;
    api.gateway.running.delete(id);
  };

  it('answers 202 with the run that the first request opened, and starts no second workflow', async () => {
    const first = await start();
    await loseAnswer();
    const again = await start();
    expect([again.status, again.headers.get('location'), again.headers.get('idempotency-replayed')]).toEqual([
      202,
      `${path}/${first.json.id}`,
      null,
    ]);
    expect(again.json).toEqual(first.json);
    expect(startedFor(first.json.id)).toBe(1);
    expect(await start()).toMatchObject({ status: 202, text: again.text });
  });

  it.each(['completed', 'failed', 'cancelled'])(
    'answers 202 with that run when it is over: %s; no second one is opened',
    async (outcome) => {
      const first = await start();
      await finish(first.json.id, outcome);
      await loseAnswer();
      expect(await start()).toMatchObject({ status: 202, json: { id: first.json.id, phase: 'finished', outcome } });
      expect(await runs()).toEqual([first.json.id]);
      expect(startedFor(first.json.id)).toBe(1);
    },
  );

  it('starts the run’s workflow when the process died before it could', async () => {
    const first = await start();
    api.gateway.running.delete(first.json.id);
    await loseAnswer();
    const again = await start();
    expect(again).toMatchObject({
      status: 202,
      json: { id: first.json.id, runId: api.gateway.running.get(first.json.id) },
    });
    expect(startedFor(first.json.id)).toBe(2);
  });

  it('is answered although the connection can no longer be synced and Temporal is away', async () => {
    const first = await start();
    await finish(first.json.id);
    await api.connections.setState(
      { venueId, connectionId },
      { state: 'needs-reauth', cause: 'revoked', nextAction: 'Enter a new key.' },
    );
    await loseAnswer();
    api.gateway.away = true;
    const again = await start();
    api.gateway.away = false;
    expect(again).toMatchObject({ status: 202, json: { id: first.json.id } });
  });

  it('is not told that the plan is used, since the first request used it', async () => {
    const dry = await api.send('POST', path, { json: order({ dryRun: true }) });
    await finish(dry.json.id);
    const first = await start({ planId: dry.json.id });
    await finish(first.json.id);
    await loseAnswer();
    expect(first).toMatchObject({ status: 202, json: { plan: { id: dry.json.id } } });
    expect(await start({ planId: dry.json.id })).toMatchObject({
      status: 202,
      json: { id: first.json.id, plan: { id: dry.json.id } },
    });
  });

  it('is rejected with another body', async () => {
    const first = await start();
    await finish(first.json.id);
    await loseAnswer();
    expect(await start({ mode: 'incremental' })).toMatchObject({
      status: 422,
      json: { code: 'idempotency-key-reused' },
    });
    expect(await runs()).toEqual([first.json.id]);
  });

  it('with another body opens its own run when the first answer was a 5xx, which frees the key', async () => {
    api.gateway.away = true;
    expect(await start()).toMatchObject({ status: 503 });
    api.gateway.away = false;
    const [first] = await runs();
    await finish(first!);
    const other = await start({ mode: 'incremental' });
    expect(other).toMatchObject({ status: 202, json: { mode: 'incremental' } });
    expect(other.json.id).not.toBe(first);
  });

  it('gets one run when many arrive at once', async () => {
    const first = await start();
    await finish(first.json.id);
    await loseAnswer();
    const answers = await Promise.all(Array.from({ length: 8 }, () => start()));
    expect(answers.map(({ status, json }) => [status, json.id])).toEqual(answers.map(() => [202, first.json.id]));
    expect(await runs()).toEqual([first.json.id]);
  });

  it('gets the run of its own venue and caller when others use the same key', async () => {
    const first = await start();
    const otherVenue = await api.aVenue();
    const otherConnection = (await aConnection(api.database.db, otherVenue)).id;
    const theirs = await api.send('POST', `/v1/venues/${otherVenue}/syncs`, {
      json: order({ connectionId: otherConnection }),
      headers,
    });
    await finish(first.json.id);
    const someoneElses = await api.send('POST', path, {
      json: order(),
      headers,
      token: await aToken({ sub: 'someone else' }),
    });
    await loseAnswer();
    expect([theirs.status, someoneElses.status]).toEqual([202, 202]);
    expect(new Set([first.json.id, theirs.json.id, someoneElses.json.id]).size).toBe(3);
    expect(await start()).toMatchObject({ status: 202, json: { id: first.json.id } });
    expect(
      await api.send('POST', `/v1/venues/${otherVenue}/syncs`, {
        json: order({ connectionId: otherConnection }),
        headers,
      }),
    ).toMatchObject({ status: 202, json: { id: theirs.json.id } });
  });

  it('joins an earlier run as the first request did', async () => {
    const open = await api.send('POST', path, { json: order() });
    expect(await start()).toMatchObject({ status: 200, json: { id: open.json.id } });
    await loseAnswer();
    expect(await start()).toMatchObject({ status: 200, json: { id: open.json.id } });
  });
});

describe('a retried creation of a venue whose answer was never stored', () => {
  const VENUE = { name: 'Once', timeZone: 'UTC', currency: 'EUR' };
  const create = (changes: object = {}, token?: string) =>
    api.send('POST', '/v1/venues', { json: { ...VENUE, ...changes }, headers, ...(token !== undefined && { token }) });
  const venues = async () => Number((await api.database.admin`select count(*) from venues`)[0]?.['count']);

  it.each([
    ['without a sourceId', {}],
    ['with a sourceId', { sourceId: 'shop-unanswered' }],
  ])('%s answers 201 with the venue that the first request created', async (_case, changes) => {
    const first = await create(changes);
    const before = await venues();
    await loseAnswer();
    const again = await create(changes);
    expect([again.status, again.json, again.headers.get('location')]).toEqual([
      201,
      first.json,
      first.headers.get('location'),
    ]);
    expect(await venues()).toBe(before);
  });

  it('creates none when many arrive at once', async () => {
    const first = await create();
    const before = await venues();
    await loseAnswer();
    const answers = await Promise.all(Array.from({ length: 8 }, () => create()));
    expect(answers.map(({ status, json }) => [status, json.id])).toEqual(answers.map(() => [201, first.json.id]));
    expect(await venues()).toBe(before);
  });

  it('is rejected with another body, and shows another caller nothing', async () => {
    const first = await create();
    const other = await create({}, await aToken({ sub: 'someone else' }));
    await loseAnswer();
    expect(await create({ name: 'Twice' })).toMatchObject({ status: 422, json: { code: 'idempotency-key-reused' } });
    expect(other.status).toBe(201);
    expect(other.json.id).not.toBe(first.json.id);
    expect((await create()).json.id).toBe(first.json.id);
  });
});
