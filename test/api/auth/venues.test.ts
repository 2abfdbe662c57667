import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aToken, createApiWorld, pathsOf } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';

let api: ApiWorld;
beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());

const VENUE = { name: 'Café Übersee', timeZone: 'Europe/Berlin', currency: 'EUR' };

describe('venues', () => {
  it('are created with a Location, read back the same, and changed field by field', async () => {
    const created = await api.send('POST', '/v1/venues', { json: { ...VENUE, sourceId: 'shop-1' } });
    expect(created.status).toBe(201);
    expect(created.json).toMatchObject({ ...VENUE, sourceId: 'shop-1' });
    const location = created.headers.get('location') ?? '';
    expect((await api.send('GET', location)).json).toEqual(created.json);

    const changed = await api.send('PATCH', location, { json: { currency: 'CHF' } });
    expect(changed.json).toMatchObject({ name: VENUE.name, currency: 'CHF' });
    expect((await api.send('GET', location)).json).toEqual(changed.json);
  });

  it('reject a second venue with the same sourceId', async () => {
    await api.send('POST', '/v1/venues', { json: { ...VENUE, sourceId: 'twice' } });
    const second = await api.send('POST', '/v1/venues', { json: { ...VENUE, sourceId: 'twice' } });
    expect(second).toMatchObject({ status: 409, json: { code: 'source-id-taken' } });
  });

  it.each([
    ['a zone that is none', { timeZone: 'Mars/Olympus' }, 'timeZone'],
    ['an offset in place of a zone', { timeZone: '+01:00' }, 'timeZone'],
    ['a currency that is none', { currency: 'EURO' }, 'currency'],
    ['a currency in small letters', { currency: 'eur' }, 'currency'],
    ['an empty name', { name: '' }, 'name'],
    ['a name that is too long', { name: 'x'.repeat(201) }, 'name'],
    ['a number for a name', { name: 7 }, 'name'],
    ['a control character in the sourceId', { sourceId: 'a\nb' }, 'sourceId'],
  ])('reject %s, naming the field', async (_case, wrong, path) => {
    const answer = await api.send('POST', '/v1/venues', { json: { ...VENUE, ...wrong } });
    expect(answer).toMatchObject({ status: 400, json: { code: 'invalid-request', errors: [{ path }] } });
  });

  it('name every wrong field at once', async () => {
    const answer = await api.send('POST', '/v1/venues', {
      json: { name: '', timeZone: 'X', colour: 'red', 'odd field': 1 },
    });
    expect(pathsOf(answer.json.errors).sort()).toEqual(['colour', 'currency', 'name', 'odd field', 'timeZone']);
    expect(answer.json.errors).toContainEqual({ path: 'colour', message: 'Unknown field' });
    expect(answer.json.errors).toContainEqual({ path: 'currency', message: 'Required' });
  });

  it('cannot be created with a token that lists venues', async () => {
    const token = await aToken({ venues: [await api.aVenue()] });
    expect(await api.send('POST', '/v1/venues', { token, json: VENUE })).toMatchObject({
      status: 403,
      json: { code: 'forbidden' },
    });
  });

  it('are listed as far as the token’s venues reach', async () => {
    const [mine] = [await api.aVenue('Mine'), await api.aVenue('Theirs')];
    const answer = await api.send('GET', '/v1/venues', { token: await aToken({ role: 'viewer', venues: [mine] }) });
    expect(answer.json.data.map(({ id }) => id)).toEqual([mine]);
    expect((await api.send('GET', '/v1/venues', { token: await aToken({ venues: [] }) })).json).toEqual({
      data: [],
      nextCursor: null,
    });
  });

  it('record who created and changed them', async () => {
    const created = await api.send('POST', '/v1/venues', { json: VENUE, headers: { 'x-request-id': 'trace-me' } });
    await api.send('PATCH', `/v1/venues/${created.json.id}`, { json: { name: 'Renamed' } });
    const rows = await api.database
      .admin`select actor, action, outcome, request_id, details from audit_log where venue_id = ${created.json.id} order by id`;
    expect(rows).toMatchObject([
      { actor: 'tester', action: 'venue.created', outcome: 'ok', request_id: 'trace-me' },
      { actor: 'tester', action: 'venue.updated', details: { fields: 'name' } },
    ]);
  });
});
