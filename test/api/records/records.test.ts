import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Resource } from '../../../contracts/providers.ts';
import { aToken, createApiWorld, pathsOf } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';
import { EXAMPLES } from './record-examples.ts';
import { KIND_NAMES } from '../../support/record-types.ts';

let api: ApiWorld;
let venueId: string;

beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());
beforeEach(async () => {
  venueId = await api.aVenue();
});

const pathOf = (resource: Resource, venue = venueId) => `/v1/venues/${venue}/records/${resource}`;
const load = (resource: Resource, records: readonly unknown[], query = '') =>
  api.send('POST', `${pathOf(resource)}/batch${query}`, { json: { records } });
const list = async (resource: Resource, query = '') => (await api.send('GET', `${pathOf(resource)}${query}`)).json.data;
const itemOf = async (resource: Resource, sourceId: string) =>
  `${pathOf(resource)}/${(await list(resource, `?includeDeleted=true&sourceId=${sourceId}`))[0]?.id ?? ''}`;

describe.each(KIND_NAMES)('records of %s', (resource) => {
  const { full, required, rest } = EXAMPLES[resource];

  it('are returned as they were sent, with every envelope field and nothing else', async () => {
    expect(
      (
        await load(resource, [
          { sourceId: 'full', ...full },
          { sourceId: 'bare', ...required },
        ])
      ).json,
    ).toMatchObject({ created: 2, rejections: [] });
    const [first, bare] = await list(resource);
    expect(first).toMatchObject({ sourceId: 'full', venueId, version: 1, deletedAt: null, links: [], ...full });
    expect(bare).toMatchObject({ sourceId: 'bare', ...required, ...rest });
    const envelope = ['id', 'venueId', 'sourceId', 'version', 'createdAt', 'updatedAt', 'deletedAt', 'links'];
    expect(Object.keys(first ?? {}).sort()).toEqual([...envelope, ...Object.keys({ ...required, ...rest })].sort());
    expect((await api.send('GET', await itemOf(resource, 'full'))).json).toEqual(first);
  });

  it('are unchanged when what was read is sent back: in a batch, by PATCH and by PUT', async () => {
    await load(resource, [{ sourceId: 'a', ...full }]);
    expect((await load(resource, [{ sourceId: 'a', ...full }])).json).toMatchObject({ unchanged: 1 });
    expect((await load(resource, [{ sourceId: 'a', ...full }], '?atomic=true')).json).toMatchObject({ unchanged: 1 });
    const item = await itemOf(resource, 'a');
    const before = (await api.send('GET', item)).json;
    for (const method of ['PATCH', 'PUT'])
      expect((await api.send(method, item, { json: { sourceId: 'a', ...full } })).json).toEqual(before);
  });

  it('lose omitted fields by PUT, and keep them by PATCH and in a batch', async () => {
    await load(resource, [{ sourceId: 'a', ...full }]);
    const item = await itemOf(resource, 'a');
    expect((await api.send('PATCH', item, { json: { metadata: { changed: '1' } } })).json).toMatchObject({
      ...full,
      metadata: { changed: '1' },
      version: 2,
    });
    expect((await load(resource, [{ sourceId: 'a', metadata: { changed: '2' } }])).json).toMatchObject({ updated: 1 });
    expect((await api.send('GET', item)).json).toMatchObject({ ...full, metadata: { changed: '2' }, version: 3 });
    expect((await api.send('PUT', item, { json: required })).json).toMatchObject({
      sourceId: 'a',
      ...required,
      ...rest,
      version: 4,
    });
  });

  it('need their required fields when they are new and by PUT, and null does not count', async () => {
    const names = Object.keys(required);
    const answer = await load(resource, [{ sourceId: 'new' }]);
    expect(answer.json).toMatchObject(names.length === 0 ? { created: 1 } : { created: 0, rejected: 1 });
    expect(pathsOf(answer.json.rejections[0]?.errors)).toEqual(names);
    await load(resource, [{ sourceId: 'a', ...full }]);
    const item = await itemOf(resource, 'a');
    if (names.length > 0) expect(pathsOf((await api.send('PUT', item, { json: {} })).json.errors)).toEqual(names);
    for (const name of names)
      expect
        .soft(pathsOf((await api.send('PATCH', item, { json: { [name]: null } })).json.errors), name)
        .toEqual([name]);
    expect((await api.send('GET', item)).json).toMatchObject({ ...full, version: 1 });
  });

  it('reject unknown fields by name and all wrong fields at once', async () => {
    const answer = await load(resource, [{ sourceId: 'a', ...full, colour: 1, metadata: 7 }]);
    expect(pathsOf(answer.json.rejections[0]?.errors).sort()).toEqual(['colour', 'metadata']);
    await load(resource, [{ sourceId: 'a', ...full }]);
    const item = await itemOf(resource, 'a');
    for (const method of ['PATCH', 'PUT'])
      expect(
        pathsOf(
          (await api.send(method, item, { json: { ...full, colour: 1, id: 'x', metadata: 7 } })).json.errors,
        ).sort(),
      ).toEqual(['colour', 'id', 'metadata']);
  });

  it('keep their sourceId', async () => {
    await load(resource, [{ sourceId: 'a', ...full }]);
    for (const method of ['PUT', 'PATCH']) {
      const answer = await api.send(method, await itemOf(resource, 'a'), { json: { ...required, sourceId: 'b' } });
      expect(answer).toMatchObject({
        status: 400,
        json: { errors: [{ path: 'sourceId', message: 'Cannot be changed' }] },
      });
    }
  });

  it('are deleted once however often: still readable, listed on request, not updated, and restored when sent again', async () => {
    await load(resource, [
      { sourceId: 'a', ...full },
      { sourceId: 'b', ...full },
    ]);
    const item = await itemOf(resource, 'a');
    const deleted = await api.send('DELETE', item);
    expect(deleted).toMatchObject({
      status: 200,
      json: { ...full, version: 2, deletedAt: expect.any(String) as string },
    });
    expect(await api.send('DELETE', item)).toMatchObject({ status: 200, text: deleted.text });
    expect((await api.send('GET', item)).text).toBe(deleted.text);
    expect((await list(resource)).map(({ sourceId }) => sourceId)).toEqual(['b']);
    expect((await list(resource, '?includeDeleted=true')).map(({ sourceId }) => sourceId)).toEqual(['a', 'b']);
    for (const method of ['PATCH', 'PUT'])
      expect(await api.send(method, item, { json: required })).toMatchObject({ status: 404 });
    expect((await load(resource, [{ sourceId: 'a' }])).json).toMatchObject({ updated: 1 });
    expect((await api.send('GET', item)).json).toMatchObject({ ...full, version: 3, deletedAt: null });
    const [row] = await api.database
      .admin`select actor, target_type from audit_log where action = 'record.deleted' and venue_id = ${venueId} limit 1`;
    expect(row).toEqual({ actor: 'tester', target_type: resource });
  });

  it('are 404 under another venue, under another resource and when missing, with the same answer', async () => {
    await load(resource, [{ sourceId: 'a', ...full }]);
    const item = await itemOf(resource, 'a');
    const other = await api.aVenue();
    const id = item.split('/').at(-1) ?? '';
    const elsewhere = KIND_NAMES.find((one) => one !== resource) ?? resource;
    for (const path of [
      `${pathOf(resource, other)}/${id}`,
      `${pathOf(elsewhere)}/${id}`,
      `${pathOf(resource)}/019a0000-0000-7000-8000-000000000000`,
      `${pathOf(resource)}/x`,
    ]) {
      for (const method of ['GET', 'PATCH', 'PUT', 'DELETE']) {
        const answer = await api.send(
          method,
          path,
          method === 'PATCH' || method === 'PUT'
            ? { json: path.includes(elsewhere) ? EXAMPLES[elsewhere].required : required }
            : {},
        );
        expect.soft(answer, `${method} ${path}`).toMatchObject({
          status: 404,
          json: {
            code: expect.stringMatching(/^(product|customer|inventory|transaction|invoice)-not-found$/) as string,
          },
        });
      }
    }
    expect((await api.send('GET', item)).json).toMatchObject({ version: 1 });
  });

  it('are read by a viewer and written by an operator', async () => {
    const [viewer, operator] = [await aToken({ role: 'viewer' }), await aToken({ role: 'operator' })];
    await load(resource, [{ sourceId: 'a', ...full }]);
    const item = await itemOf(resource, 'a');
    for (const [method, json] of [
      ['PATCH', {}],
      ['PUT', full],
      ['DELETE', undefined],
    ] as const) {
      expect(await api.send(method, item, { json, token: viewer })).toMatchObject({ status: 403 });
      expect(await api.send(method, item, { json, token: operator })).toMatchObject({ status: 200 });
    }
    expect(await api.send('GET', item, { token: viewer })).toMatchObject({ status: 200 });
  });

  it('are listed by sourceId, time of change and connection, with their links', async () => {
    await load(
      resource,
      ['a', 'b', 'c'].map((sourceId) => ({ sourceId, ...full })),
    );
    const [connectionId, unused] = [await aConnectionRow(), await aConnectionRow()];
    const ids = new Map((await list(resource)).map(({ sourceId, id }) => [sourceId, id]));
    for (const sourceId of ['b', 'c'])
      await link(resource, { connectionId, recordId: ids.get(sourceId) ?? '', externalId: `ext_${sourceId}` });
    await api.database
      .admin`update ${api.database.admin(resource === 'inventory' ? 'inventory_levels' : resource)} set updated_at = '2020-01-01' where id = ${ids.get('b') ?? ''}`;
    const sources = async (query: string) => (await list(resource, query)).map(({ sourceId }) => sourceId);
    expect(await sources('?sourceId=c')).toEqual(['c']);
    expect(await sources('?updatedSince=2021-01-01T00:00:00%2B02:00')).toEqual(['a', 'c']);
    expect(await sources(`?connectionId=${connectionId}`)).toEqual(['b', 'c']);
    expect(await sources(`?connectionId=${connectionId}&sourceId=c`)).toEqual(['c']);
    expect(await sources(`?connectionId=${connectionId}&sourceId=a`)).toEqual([]);
    expect(await sources(`?connectionId=${connectionId}&updatedSince=2021-01-01T00:00:00Z`)).toEqual(['c']);
    expect(await sources(`?connectionId=${unused}`)).toEqual([]);
    expect(await list(resource, '?sourceId=b')).toMatchObject([
      { links: [{ connectionId, externalId: 'ext_b', syncedAt: '2026-01-02T03:04:05.678Z', state: 'linked' }] },
    ]);
    const first = await api.send('GET', `${pathOf(resource)}?connectionId=${connectionId}&limit=1`);
    expect(first.json.data.map(({ sourceId }) => sourceId)).toEqual(['b']);
    expect(await sources(`?connectionId=${connectionId}&limit=1&cursor=${first.json.nextCursor ?? ''}`)).toEqual(['c']);
  });
});

async function aConnectionRow(): Promise<string> {
  const [row] = await api.database.admin`
    insert into connections (id, venue_id, provider, environment, state, external_account_id)
    values (gen_random_uuid(), ${venueId}, 'stripe', 'sandbox', 'active', gen_random_uuid()::text) returning id`;
  return String(row?.['id']);
}

const link = (
  resource: Resource,
  { connectionId, recordId, externalId }: { connectionId: string; recordId: string; externalId: string },
) => api.database.admin`
  insert into record_links (connection_id, resource, record_id, venue_id, external_id, state, synced_at)
  values (${connectionId}, ${resource}, ${recordId}, ${venueId}, ${externalId}, 'linked', '2026-01-02T03:04:05.678Z')`;

describe('a list', () => {
  const sources = async (query: string) => (await list('customers', query)).map(({ sourceId }) => sourceId);

  it('goes through every record exactly once while others are written', async () => {
    await load(
      'customers',
      Array.from({ length: 25 }, (_, index) => ({ sourceId: `c${index}` })),
    );
    const seen: string[] = [];
    let cursor: string | null = '';
    for (let page = 0; page < 20; page += 1) {
      const answer = await api.send('GET', `${pathOf('customers')}?limit=4${cursor === '' ? '' : `&cursor=${cursor}`}`);
      seen.push(...answer.json.data.map(({ sourceId }) => sourceId));
      await load('customers', [{ sourceId: `new${page}` }, { sourceId: 'c3', name: `changed ${page}` }]);
      cursor = answer.json.nextCursor;
      if (cursor === null) break;
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.filter((sourceId) => sourceId.startsWith('c')).length).toBe(25);
  });

  it('returns what was changed at or after a time', async () => {
    await load('customers', [{ sourceId: 'a' }, { sourceId: 'b' }, { sourceId: 'c' }]);
    const updatedAt = (await list('customers', '?sourceId=c'))[0]?.updatedAt ?? '';
    await new Promise((resolve) => setTimeout(resolve, 5));
    await load('customers', [{ sourceId: 'a', name: 'later' }]);
    const later = (await list('customers', '?sourceId=a'))[0]?.updatedAt ?? '';
    expect(await sources(`?updatedSince=${later}`)).toEqual(['a']);
    expect(await sources(`?updatedSince=${updatedAt}`)).toEqual(['a', 'b', 'c']);
  });

  it('rejects a cursor that was altered or belongs to another list or other filters', async () => {
    await load(
      'customers',
      Array.from({ length: 3 }, (_, index) => ({ sourceId: `c${index}` })),
    );
    const customers = pathOf('customers');
    const nextCursor = (await api.send('GET', `${customers}?limit=1`)).json.nextCursor ?? '';
    const elsewhere = pathOf('customers', await api.aVenue());
    const forged = Buffer.from(
      Buffer.from(nextCursor, 'base64url')
        .toString()
        .replace(/[^.]+$/, '1'),
    ).toString('base64url');
    expect(await api.send('GET', `${customers}?limit=2&cursor=${nextCursor}`)).toMatchObject({ status: 200 });
    for (const url of [
      `${customers}?cursor=${nextCursor}x`,
      `${customers}?cursor=abc`,
      `${customers}?cursor=${forged}`,
      `${customers}?includeDeleted=true&cursor=${nextCursor}`,
      `${elsewhere}?cursor=${nextCursor}`,
      `${pathOf('products')}?cursor=${nextCursor}`,
      `/v1/venues?cursor=${nextCursor}`,
    ]) {
      expect.soft(await api.send('GET', url), url).toMatchObject({ status: 400, json: { code: 'invalid-cursor' } });
    }
  });
});
