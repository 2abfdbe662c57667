import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionId, VenueId } from '../../../contracts/ids.ts';
import type { ConnectionState } from '../../../contracts/providers.ts';
import { aToken, createApiWorld } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';

let api: ApiWorld;
let venueId: VenueId;
let base: string;

beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());
beforeEach(async () => {
  venueId = await api.aVenue();
  base = `/v1/venues/${venueId}/connections`;
});

const aKeyConnection = () => api.aConnection(venueId) as Promise<ConnectionId>;
const post = (id: string, action: string) => api.send('POST', `${base}/${id}/${action}`);
const remove = (id: string) => api.send('DELETE', `${base}/${id}`);

/** A connection by consent, as the attempt's end leaves it. */
async function aGrantedConnection(state: ConnectionState = 'active'): Promise<ConnectionId> {
  const connectionId = uuidv7() as ConnectionId;
  await api.connectionActions.insertConnecting({
    venueId,
    connectionId,
    provider: 'square',
    environment: api.environmentOf('square'),
    flow: 'code',
    nextAction: 'Approve.',
  });
  await api.database
    .admin`update connections set state = ${state}, cause = null, next_action = null, external_account_id = ${connectionId} where id = ${connectionId}`;
  return connectionId;
}

describe('the forecast', () => {
  interface Entry {
    readonly connectionId: string;
    readonly kind: string;
    readonly date: string;
    readonly daysLeft: number;
    readonly why: string;
    readonly action: string;
  }
  const forecast = async (venue: string = venueId) =>
    (await api.send('GET', `/v1/venues/${venue}/reauthorizations`)).json.data as unknown as readonly Entry[];
  const inDays = (days: number) => new Date(Date.now() + days * 86_400_000 + 3_600_000);

  async function aGrant(
    state: ConnectionState,
    times: { readonly idle?: Date; readonly hard?: Date },
  ): Promise<ConnectionId> {
    const id = await aGrantedConnection(state);
    const { admin } = api.database;
    await admin`update connections set next_refresh_at = now() where id = ${id}`;
    await admin`insert into oauth_tokens (connection_id, venue_id, sealed_tokens, refresh_expires_at, refresh_hard_expires_at)
      values (${id}, ${venueId}, ${Buffer.from('sealed')}, ${times.idle ?? null}, ${times.hard ?? null})`;
    return id;
  }

  it('lists every access that will expire, by date, with expired ones first', async () => {
    await aKeyConnection();
    const later = await aGrant('active', { idle: inDays(100), hard: inDays(1_825) });
    const soon = await aGrant('degraded', { hard: inDays(7) });
    const ended = await aGrant('needs-reauth', { idle: inDays(50) });
    await aGrant('disconnected', { idle: inDays(1) });
    const entries = await forecast();
    expect(entries.map(({ connectionId, kind, daysLeft }) => [connectionId, kind, daysLeft])).toEqual([
      [ended, 'needs-reauth', 0],
      [soon, 'refresh-token-hard-limit', 7],
      [later, 'refresh-token-idle', 100],
      [later, 'refresh-token-hard-limit', 1_825],
    ]);
    for (const { why, action } of entries) expect([why, action].every((text) => text.length > 10)).toBe(true);
  });

  it('for another venue shows nothing of this one', async () => {
    await aGrant('active', { idle: inDays(5) });
    expect(await forecast(await api.aVenue())).toEqual([]);
  });
});

describe('the audit trail', () => {
  interface Entry {
    readonly id: string;
    readonly action: string;
    readonly at: string;
    readonly target: { readonly type: string; readonly id: string };
  }
  const list = async (query = '', options: object = {}) => {
    const answer = await api.send('GET', `/v1/venues/${venueId}/audit${query}`, options);
    return { ...answer, entries: answer.json.data as unknown as readonly Entry[] };
  };

  it('shows who did what, newest first, by action, target and time', async () => {
    const [one, other] = [await aKeyConnection(), await aGrantedConnection()];
    await post(one, 'suspend');
    await post(one, 'resume');
    await remove(other);
    const all = (await list()).entries;
    expect(all.map(({ action }) => action)).toEqual([
      'connection.disconnect-requested',
      'connection.resumed',
      'connection.suspended',
      'connection.connected',
    ]);
    expect(all[0]).toMatchObject({
      actor: 'tester',
      outcome: 'ok',
      target: { type: 'connection', id: other },
      details: { records: 'keep' },
    });
    expect((await list('?action=connection.suspended')).entries.map(({ id }) => id)).toEqual([all[2]?.id]);
    expect((await list(`?target=${one}`)).entries).toHaveLength(3);
    const [suspended] = all.slice(2);
    expect((await list(`?from=${suspended?.at ?? ''}`)).entries.map(({ id }) => id)).toEqual(
      expect.arrayContaining([all[0]?.id, all[1]?.id, all[2]?.id]),
    );
    expect((await list(`?to=2020-01-01T00:00:00Z`)).entries).toEqual([]);
  });

  it('has consistent pages while rows are written, and cursors bound to their filters', async () => {
    const id = await aKeyConnection();
    for (let round = 0; round < 3; round += 1) {
      await post(id, 'suspend');
      await post(id, 'resume');
    }
    const first = await list('?limit=3');
    await post(id, 'suspend');
    const second = await list(`?limit=3&cursor=${first.json.nextCursor ?? ''}`);
    const third = await list(`?limit=3&cursor=${second.json.nextCursor ?? ''}`);
    const seen = [...first.entries, ...second.entries, ...third.entries];
    expect(new Set(seen.map((entry) => entry.id)).size).toBe(7);
    expect(third.json.nextCursor).toBeNull();
    expect(await list(`?action=a&cursor=${first.json.nextCursor ?? ''}`)).toMatchObject({
      status: 400,
      json: { code: 'invalid-cursor' },
    });
  });

  it('is for operators and administrators, and shows nothing of another venue', async () => {
    await aKeyConnection();
    expect((await list('', { token: await aToken({ role: 'viewer' }) })).status).toBe(403);
    expect((await list('', { token: await aToken({ role: 'operator' }) })).status).toBe(200);
    expect((await api.send('GET', `/v1/venues/${await api.aVenue()}/audit`)).json.data).toEqual([]);
  });

  it.each(['?from=yesterday', '?to=2026-11-21', '?actor=tester', '?action='])(
    'rejects the filter %s',
    async (query) => {
      expect(await list(query)).toMatchObject({ status: 400, json: { code: 'invalid-request' } });
    },
  );
});
