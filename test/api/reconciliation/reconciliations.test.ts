import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VenueId } from '../../../contracts/ids.ts';
import { dayIn } from '../../../domain/schedule/time-zone.ts';
import { aToken, createApiWorld } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';

let api: ApiWorld;
let venueId: VenueId;
let connectionId: string;
beforeAll(async () => {
  api = await createApiWorld();
  venueId = await api.aVenue();
  connectionId = await api.aConnection(venueId);
});
afterAll(() => api.close());

const DAYS = { from: '2026-03-08', to: '2026-03-08' };
const start = (json: object, of: VenueId = venueId, token?: string) =>
  api.send('POST', `/v1/venues/${of}/reconciliations`, { json, ...(token !== undefined && { token }) });
const finish = (id: string) => api.database.admin`
  update reconciliations set finished_at = now(), phase = 'finished', outcome = 'completed' where id = ${id}`;

async function aDiscrepancy(): Promise<{ readonly reconciliationId: string; readonly id: string }> {
  const { json } = await start({ connectionId, ...DAYS });
  const id = uuidv7();
  await api.database.admin`
    insert into discrepancies (id, reconciliation_id, venue_id, kind, differs, day, external_id)
    values (${id}, ${json.id}, ${venueId}, 'missing-here', '[]', '2026-03-08', ${id})`;
  await finish(json.id);
  return { reconciliationId: json.id, id };
}

describe('the start of a reconciliation', () => {
  it('takes yesterday in the venue’s time zone where no day is named, and joins the open one of the same days', async () => {
    const yesterday = dayIn('Europe/Berlin', new Date(Date.now() - 86_400_000));
    const first = await start({ connectionId });
    expect(first).toMatchObject({
      status: 202,
      json: { from: yesterday, to: yesterday, timeZone: 'Europe/Berlin', phase: 'queued', outcome: null, totals: [] },
    });
    expect(first.headers.get('location')).toBe(`/v1/venues/${venueId}/reconciliations/${first.json.id}`);
    expect(await start({ connectionId })).toMatchObject({ status: 200, json: { id: first.json.id } });
    expect(await start({ connectionId, ...DAYS })).toMatchObject({
      status: 409,
      json: { code: 'reconciliation-running' },
    });
    await finish(first.json.id);
  });

  it.each([
    ['a day that is none', { from: '2026-02-30' }, 'from'],
    ['days in the wrong order', { from: '2026-03-09', to: '2026-03-08' }, 'from'],
    ['more days than are compared at once', { from: '2026-01-01', to: '2026-03-08' }, 'from'],
    ['a day in the future', { from: '2026-03-08', to: '2099-01-01' }, 'to'],
    ['an unknown field', { ...DAYS, days: 3 }, 'days'],
  ])('refuses %s by name', async (_what, body, path) => {
    const answer = await start({ connectionId, ...body });
    expect(answer).toMatchObject({ status: 400, json: { code: 'invalid-request' } });
    expect((answer.json as unknown as { errors: { path: string }[] }).errors.map((error) => error.path)).toContain(
      path,
    );
  });

  it.each(['quickbooks', 'xero'])(
    'takes the days of %s as they are in its books, whatever zone the venue is in',
    async (provider) => {
      const [id, of] = [uuidv7(), await api.aVenue()];
      await api.database.admin`insert into connections (id, venue_id, provider, environment, state, external_account_id)
      values (${id}, ${of}, ${provider}, 'production', 'active', ${id})`;
      expect(await start({ connectionId: id, ...DAYS }, of)).toMatchObject({
        status: 202,
        json: { ...DAYS, timeZone: 'UTC' },
      });
    },
  );

  it('refuses a connection whose provider cannot be asked by time, and one that does not work', async () => {
    const id = uuidv7();
    await api.database.admin`insert into connections (id, venue_id, provider, environment, state, external_account_id)
      values (${id}, ${venueId}, 'mailchimp', 'production', 'active', 'list')`;
    expect(await start({ connectionId: id, ...DAYS })).toMatchObject({
      status: 422,
      json: { code: 'reconciliation-not-supported' },
    });
    const path = `/v1/venues/${venueId}/connections/${id}/reconciliation-schedule`;
    expect(await api.send('PUT', path, { json: {} })).toMatchObject({
      status: 422,
      json: { code: 'reconciliation-not-supported' },
    });
    const other = await api.aVenue();
    const theirs = await api.aConnection(other);
    await api.database.admin`update connections set state = 'needs-reauth' where id = ${theirs}`;
    expect(await start({ connectionId: theirs, ...DAYS }, other)).toMatchObject({
      status: 409,
      json: { code: 'connection-not-active' },
    });
  });

  it('gives the same request the same reconciliation, also once that is over', async () => {
    const headers = { 'idempotency-key': 'a-key' };
    const path = `/v1/venues/${venueId}/reconciliations`;
    const first = await api.send('POST', path, { json: { connectionId, ...DAYS }, headers });
    await finish(first.json.id);
    await api.database.admin`delete from idempotency_keys where key = 'a-key'`;
    const again = await api.send('POST', path, { json: { connectionId, ...DAYS }, headers });
    expect([again.status, again.json.id]).toEqual([202, first.json.id]);
  });
});

describe('what a reconciliation found', () => {
  it('is nothing to another venue, nor to a caller who may only read', async () => {
    const { reconciliationId, id } = await aDiscrepancy();
    const other = await api.aVenue();
    for (const path of [`reconciliations/${reconciliationId}`, `reconciliations/${reconciliationId}/discrepancies`]) {
      expect(await api.send('GET', `/v1/venues/${other}/${path}`)).toMatchObject({
        status: 404,
        json: { code: 'reconciliation-not-found' },
      });
      const viewer = await aToken({ role: 'viewer', venues: [venueId] });
      expect((await api.send('GET', `/v1/venues/${venueId}/${path}`, { token: viewer })).status).toBe(200);
    }
    expect(await api.send('POST', `/v1/venues/${other}/discrepancies/${id}/repair`)).toMatchObject({
      status: 404,
      json: { code: 'discrepancy-not-found' },
    });
    const viewer = await aToken({ role: 'viewer', venues: [venueId] });
    const repair = `/v1/venues/${venueId}/discrepancies/${id}/repair`;
    expect((await api.send('POST', repair, { token: viewer })).status).toBe(403);
    expect((await start({ connectionId, ...DAYS }, venueId, viewer)).status).toBe(403);
    expect(await start({ connectionId, ...DAYS }, other)).toMatchObject({
      status: 404,
      json: { code: 'connection-not-found' },
    });
  });

  it.each([
    ['refused', 422, 'credentials-refused'],
    ['unavailable', 503, 'provider-unavailable'],
    ['not-repaired', 409, 'discrepancy-not-repairable'],
  ] as const)('answers a repair that ended as %s', async (outcome, status, code) => {
    const { id } = await aDiscrepancy();
    api.reconciliationGateway.outcome = outcome;
    expect(await api.send('POST', `/v1/venues/${venueId}/discrepancies/${id}/repair`)).toMatchObject({
      status,
      json: { code },
    });
    expect(api.reconciliationGateway.repaired.at(-1)).toMatchObject({
      discrepancyId: id,
      connectionId,
      provider: 'stripe',
    });
  });

  it('is listed by kind and state, and with the reconciliations of its connection alone', async () => {
    const { reconciliationId, id } = await aDiscrepancy();
    const path = `/v1/venues/${venueId}/reconciliations/${reconciliationId}/discrepancies`;
    const ids = async (query: string) =>
      ((await api.send('GET', `${path}?${query}`)).json as unknown as { data: { id: string }[] }).data.map(
        (one) => one.id,
      );
    expect(await ids('kind=missing-here&state=open')).toEqual([id]);
    expect(await ids('kind=missing-there')).toEqual([]);
    const list = await api.send('GET', `/v1/venues/${venueId}/reconciliations?connectionId=${uuidv7()}`);
    expect((list.json as unknown as { data: unknown[] }).data).toEqual([]);
  });
});
