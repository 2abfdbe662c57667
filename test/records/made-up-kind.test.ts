import { getTableConfig } from 'drizzle-orm/pg-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRecordStores } from '../../db/records/record-store.ts';
import { tablesOf } from '../../db/schema/tables.ts';
import { customers } from '../../records/customers.ts';
import { boolean, sourceIdOf } from '../../records/field.ts';
import { defineRecordKind } from '../../records/record-kind.ts';
import { createRecordKinds, RECORD_KINDS } from '../../records/registry.ts';
import { createApiWorld, pathsOf } from '../api/api-world.ts';
import type { ApiWorld } from '../api/api-world.ts';
import { renderRecordsPage } from '../docs/records-page.ts';
import { createLoyaltyCards, KINDS_WITH_CARDS, loyaltyCards } from '../made-up/loyalty-cards.ts';

const CARD = { number: '4711-0815', tier: 'gold' };

describe('a record kind defined by a descriptor and a migration', () => {
  let api: ApiWorld;
  let venueId: string;
  beforeAll(async () => {
    api = await createApiWorld({ deps: { kinds: KINDS_WITH_CARDS } });
    await createLoyaltyCards(api.database.admin);
  });
  afterAll(() => api.close());
  beforeEach(async () => {
    venueId = await api.aVenue();
  });

  const path = () => `/v1/venues/${venueId}/records/loyalty-cards`;
  const load = (...records: readonly object[]) => api.send('POST', `${path()}/batch`, { json: { records } });
  const list = async (query = '') => (await api.send('GET', `${path()}${query}`)).json.data;
  const numbersOf = async (query: string) => (await list(query)).map(({ sourceId }) => sourceId);

  it('rejects missing, invalid and unknown fields by name', async () => {
    const { json } = await load(
      { sourceId: 'a' },
      { sourceId: 'b', ...CARD, tier: 'platinum', number: '1', metadata: {}, email: 'ada@example.com' },
    );
    expect(json).toMatchObject({ received: 2, created: 0, rejected: 2 });
    expect(json.rejections.map(({ errors }) => pathsOf(errors).sort())).toEqual([
      ['number', 'tier'],
      ['email', 'metadata', 'number', 'tier'],
    ]);
    expect(pathsOf((await api.send('GET', `${path()}?tier=platinum&status=open`)).json.errors).sort()).toEqual([
      'status',
      'tier',
    ]);
  });

  it('answers 404 in the kind’s own words for an unknown id', async () => {
    for (const id of ['019a0000-0000-7000-8000-000000000000', 'x'])
      expect(await api.send('GET', `${path()}/${id}`)).toMatchObject({
        status: 404,
        json: { code: 'loyalty-card-not-found', title: 'No such loyalty card', detail: 'No such loyalty card.' },
      });
  });

  it('supports bulk load, read, change, replacement and deletion', async () => {
    const full = {
      ...CARD,
      points: '12.50',
      customerSourceId: 'ADA',
      expiresAt: '2027-01-01T00:00:00.000Z',
      blocked: true,
    };
    expect((await load({ sourceId: 'full', ...full }, { sourceId: 'bare', ...CARD })).json).toMatchObject({
      created: 2,
    });
    expect((await load({ sourceId: 'full', ...full })).json).toMatchObject({ unchanged: 1 });
    const [first, bare] = await list();
    expect(first).toMatchObject({ sourceId: 'full', version: 1, links: [], ...full });
    expect(bare).toMatchObject({ ...CARD, points: null, customerSourceId: null, expiresAt: null, blocked: false });
    const item = `${path()}/${first?.id ?? ''}`;
    expect((await api.send('PATCH', item, { json: { points: '13' } })).json).toMatchObject({
      ...full,
      points: '13',
      version: 2,
    });
    expect((await api.send('PUT', item, { json: CARD })).json).toMatchObject({ ...CARD, points: null, blocked: false });
    expect(await api.send('DELETE', item)).toMatchObject({ status: 200 });
    expect(await numbersOf('')).toEqual(['bare']);
  });

  it('loads NDJSON atomically', async () => {
    const lines = [{ sourceId: 'a', ...CARD }, { sourceId: 'b' }].map((line) => JSON.stringify(line)).join('\n');
    const answer = await api.send('POST', `${path()}/batch?atomic=true`, {
      body: lines,
      headers: { 'content-type': 'application/x-ndjson' },
    });
    expect(answer).toMatchObject({ status: 422, json: { code: 'batch-refused' } });
    expect(pathsOf(answer.json.errors).sort()).toEqual(['lines.2.number', 'lines.2.tier']);
    expect(await list()).toEqual([]);
  });

  it('filters by the kind’s own fields', async () => {
    await load(
      { sourceId: 'a', ...CARD, expiresAt: '2027-01-01T00:00:00Z' },
      { sourceId: 'b', ...CARD, tier: 'basic', customerSourceId: 'ADA', expiresAt: '2027-02-01T00:00:00Z' },
      { sourceId: 'c', ...CARD, number: '0000-0001' },
    );
    expect(await numbersOf('?tier=basic')).toEqual(['b']);
    expect(await numbersOf('?number=0000-0001')).toEqual(['c']);
    expect(await numbersOf('?customerSourceId=ADA')).toEqual(['b']);
    expect(await numbersOf('?expiresFrom=2027-01-01T00:00:00Z&expiresTo=2027-02-01T00:00:00Z')).toEqual(['a']);
    expect(await numbersOf('?tier=gold&expiresFrom=2027-01-02T00:00:00Z')).toEqual([]);
  });

  it('appears in the OpenAPI document and in the documentation', async () => {
    const document = JSON.parse((await api.send('GET', '/openapi.json', { token: null })).text) as {
      readonly paths: Readonly<Record<string, object>>;
      readonly components: { readonly schemas: Readonly<Record<string, { readonly enum?: readonly string[] }>> };
    };
    const base = '/v1/venues/{venueId}/records/loyalty-cards';
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining([base, `${base}/batch`, `${base}/{loyaltyCardId}`]),
    );
    expect(Object.keys(document.components.schemas)).toEqual(
      expect.arrayContaining([
        'LoyaltyCard',
        'LoyaltyCardInput',
        'LoyaltyCardChanges',
        'LoyaltyCardPage',
        'LoyaltyTier',
      ]),
    );
    expect(document.components.schemas['Resource']?.enum).toEqual([...RECORD_KINDS.names, 'loyalty-cards']);
    const shown = (await api.send('GET', '/docs/records', { token: null })).text;
    expect(shown).toContain('<section id="loyalty-cards">');
    for (const name of [...Object.keys(loyaltyCards.fields), ...Object.keys(loyaltyCards.filters)])
      expect(shown).toContain(`<td><code>${name}</code></td>`);
    expect((await api.send('GET', '/docs/errors', { token: null })).text).toContain('id="loyalty-card-not-found"');
    expect(renderRecordsPage(KINDS_WITH_CARDS)).toContain(
      '## loyalty-cards\n\nA card on which a customer collects points.',
    );
  });

  it('accepts the kind as the resource of a sync and rejects other words', async () => {
    const connectionId = await api.aConnection(venueId as never);
    const start = (resource: string) =>
      api.send('POST', `/v1/venues/${venueId}/syncs`, {
        json: { connectionId, resource, direction: 'pull', mode: 'full' },
      });
    expect(await start('loyalty-cards')).toMatchObject({ status: 422, json: { code: 'resource-not-supported' } });
    const refused = await start('loyalty-card');
    expect(refused.status).toBe(400);
    expect(pathsOf(refused.json.errors)).toEqual(['resource']);
    const schedules = `/v1/venues/${venueId}/connections/${connectionId}/schedules`;
    expect(await api.send('GET', `${schedules}/loyalty-card`)).toMatchObject({ status: 404 });
  });

  it('has a table that matches its descriptor', async () => {
    const { columns } = getTableConfig(tablesOf(KINDS_WITH_CARDS)['loyalty_cards']!);
    const rows = await api.database.admin<{ name: string; required: boolean }[]>`
      select attname as name, attnotnull as required from pg_attribute
      where attrelid = 'loyalty_cards'::regclass and attnum > 0 order by attnum`;
    expect(rows.map((row) => ({ ...row }))).toEqual(
      columns.map(({ name, notNull, primary }) => ({ name, required: notNull || primary })),
    );
  });
});

describe('the registry of record kinds', () => {
  it.each([
    ['two kinds of one name', [customers, customers], 'share a name'],
    ['a kind that names another which there is not', [loyaltyCards], 'names records of customers'],
    ['two kinds with one table', [customers, { ...customers, name: 'clients', idName: 'clientId' }], 'share a table'],
  ])('refuses %s', (_case, kinds, message) => {
    expect(() => createRecordKinds(kinds)).toThrow(message);
  });

  it('throws for an unknown kind', () => {
    expect(() => RECORD_KINDS.get('loyalty-cards')).toThrow('no kind of record called loyalty-cards');
    expect(RECORD_KINDS.has('loyalty-cards')).toBe(false);
  });
});

describe('a descriptor', () => {
  const about = {
    name: 'cards',
    words: { one: 'Card', many: 'Cards', a: 'a card', several: 'cards' },
    idName: 'cardId',
    description: 'Cards.',
  };

  it('rejects a reference in a field that names no record', () => {
    const define = () =>
      defineRecordKind({ ...about, fields: { blocked: boolean() }, references: { customer: 'blocked' } });
    expect(define).toThrow('cards.blocked names no record');
  });

  it('tells the kind that its references name', () => {
    const { references } = defineRecordKind({
      ...about,
      fields: { owner: sourceIdOf('customers') },
      references: { owner: 'owner', batch: { to: 'cards' } },
    });
    expect(references).toEqual({ owner: { to: 'customers', field: 'owner' }, batch: { to: 'cards', field: null } });
  });
});

describe('record stores', () => {
  it('exist for exactly the kinds they were created for', () => {
    const stores = createRecordStores({} as never, RECORD_KINDS);
    expect(() => stores.of(loyaltyCards)).toThrow('no store of loyalty-cards');
  });
});
