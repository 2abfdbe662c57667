import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { needsOpenVenue } from '../../../api/http/endpoint.ts';
import type { VenueId } from '../../../contracts/ids.ts';
import { until } from '../../support/eventually.ts';
import { aToken, createApiWorld } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';

let api: ApiWorld;
let venueId: VenueId;
const path = () => `/v1/venues/${venueId}`;

beforeAll(async () => {
  api = await createApiWorld();
});
beforeEach(async () => {
  venueId = await api.aVenue();
});
afterAll(() => api.close());

const audit = () =>
  api.database.admin<{ actor: string; action: string }[]>`
    select actor, action from audit_log where venue_id = ${venueId} and action like 'venue.clos%'`;

describe('a request to close a venue', () => {
  it.each([['viewer'], ['operator']] as const)('is refused to a %s', async (role) => {
    const answer = await api.send('DELETE', path(), { token: await aToken({ role }) });
    expect(answer).toMatchObject({ status: 403, json: { code: 'forbidden' } });
    expect((await api.send('GET', path())).json).toMatchObject({ closingSince: null });
  });

  it('is 404 for another venue’s administrator, as for a venue that does not exist', async () => {
    const stranger = await aToken({ venues: [await api.aVenue()] });
    const answer = await api.send('DELETE', path(), { token: stranger });
    expect(answer).toMatchObject({ status: 404, json: { code: 'venue-not-found' } });
    const unknown = await api.send('DELETE', '/v1/venues/01932d2e-5a1c-7d3b-9e58-0242ac120002');
    expect(unknown).toMatchObject({ status: 404, json: { code: 'venue-not-found' } });
    expect(api.venueGateway.started.filter((closing) => closing.venueId === venueId)).toEqual([]);
  });

  it('changes nothing while Temporal is away', async () => {
    api.venueGateway.away = true;
    const answer = await api.send('DELETE', path());
    api.venueGateway.away = false;
    expect(answer).toMatchObject({ status: 503, json: { code: 'temporal-unavailable' } });
    expect((await api.send('GET', path())).json).toMatchObject({ closingSince: null });
    expect(await audit()).toEqual([]);
  });

  it('gives the same answer when repeated, and one audit event', async () => {
    const first = await api.send('DELETE', path(), { token: await aToken({ sub: 'first' }) });
    const second = await api.send('DELETE', path(), { token: await aToken({ sub: 'second' }) });
    expect(first).toMatchObject({ status: 202, json: { id: venueId } });
    expect(second).toMatchObject({ status: 202, json: first.json });
    expect([first, second].map(({ headers }) => headers.get('location'))).toEqual([path(), path()]);
    expect(await audit()).toEqual([{ actor: 'first', action: 'venue.closing-requested' }]);
    expect(api.venueGateway.started.filter((closing) => closing.venueId === venueId)).toHaveLength(2);
  });
});

describe('a venue that is being closed', () => {
  it('is read as before, and says since when', async () => {
    const { json } = await api.send('DELETE', path());
    const closingSince: unknown = expect.stringMatching(/^\d{4}-/);
    expect(json).toMatchObject({ closingSince });
    expect(await api.send('GET', path())).toMatchObject({ status: 200, json: { closingSince } });
    const { data } = (await api.send('GET', '/v1/venues?limit=200')).json;
    expect(data.find(({ id }) => id === venueId)).toMatchObject({ closingSince });
    expect((await api.send('GET', `${path()}/connections`)).status).toBe(200);
    expect((await api.send('GET', `${path()}/records/customers`)).status).toBe(200);
    expect((await api.send('GET', `${path()}/audit`)).status).toBe(200);
  });

  it.each([
    ['PATCH', '', { name: 'Another' }],
    ['POST', '/connections', { provider: 'stripe', environment: 'sandbox', credentials: { secretKey: 'sk_test_x' } }],
    ['POST', '/syncs', {}],
    ['PUT', '/connections/{id}/schedules/customers', { every: 'PT1H' }],
    ['POST', '/records/customers/batch', { records: [{ sourceId: 'a', name: 'A' }] }],
    ['PUT', '/records/customers/{id}', { name: 'A' }],
    ['POST', '/subscriptions', { url: 'https://backend.example/' }],
    ['POST', '/reconciliations', {}],
    ['DELETE', '/connections/{id}', undefined],
    ['GET', '/connections/{id}/reports/profit-and-loss?from=2026-01-01&to=2026-01-31', undefined],
  ])('refuses %s …%s', async (method, rest, json) => {
    const connectionId = await api.aConnection(venueId);
    await api.send('DELETE', path());
    const answer = await api.send(method, `${path()}${rest.replace('{id}', connectionId)}`, {
      ...(json !== undefined && { json }),
    });
    expect(answer).toMatchObject({ status: 409, json: { code: 'venue-closing' } });
  });

  it('tells a viewer of their role first', async () => {
    await api.send('DELETE', path());
    const viewer = await aToken({ role: 'viewer' });
    expect(await api.send('PATCH', path(), { token: viewer, json: { name: 'x' } })).toMatchObject({ status: 403 });
  });

  it('is refused a change soon after another process has begun the closing', async () => {
    // Here it is known to be open.
    expect((await api.send('PATCH', path(), { json: { name: 'Open' } })).status).toBe(200);
    await api.database.admin`update venues set closing_since = now() where id = ${venueId}`;
    await until(async () => (await api.send('PATCH', path(), { json: { name: 'Closed' } })).status === 409, {
      limitMs: 20_000,
      what: 'the change is refused',
    });
  });

  it('is 404 at once when its last row is gone', async () => {
    await api.send('DELETE', path());
    await api.send('GET', path());
    await api.database.admin`delete from venues where id = ${venueId}`;
    expect(await api.send('GET', `${path()}/connections`)).toMatchObject({ status: 404 });
  });

  it('refuses every operation that is no read, but the closing itself', () => {
    const accepted = api.endpoints.filter(
      (endpoint) => endpoint.path.includes('{venueId}') && endpoint.method !== 'get' && !needsOpenVenue(endpoint),
    );
    expect(accepted.map(({ name }) => name)).toEqual(['closeVenue']);
  });
});
