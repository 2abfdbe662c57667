import { v7 as uuidv7 } from 'uuid';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionId, ConnectionRef, RecordId, VenueId } from '../../../contracts/ids.ts';
import type { ProviderId } from '../../../contracts/providers.ts';
import { aToken, createApiWorld } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';
import { NOTHING_TO_TRY } from './recorded-mappings.ts';

let api: ApiWorld;
let venueId: VenueId;
let ref: ConnectionRef;

beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());
beforeEach(async () => {
  venueId = await api.aVenue();
  ref = await aConnection();
});

async function aConnection(provider: ProviderId = 'stripe'): Promise<ConnectionRef> {
  const connection = { venueId, connectionId: uuidv7() as ConnectionId };
  const environment = api.environmentOf(provider);
  const flow = 'code';
  await api.connectionActions.insertConnecting({ ...connection, provider, environment, flow, nextAction: 'Approve.' });
  await api.database.admin`update connections set state = 'active', cause = null, next_action = null,
    external_account_id = ${connection.connectionId} where id = ${connection.connectionId}`;
  return connection;
}

const pathOf = ({ connectionId }: Pick<ConnectionRef, 'connectionId'>, resource = 'products', venue = venueId) =>
  `/v1/venues/${venue}/connections/${connectionId}/mappings/${resource}`;
const get = (suffix = '', options = {}) => api.send('GET', `${pathOf(ref)}${suffix}`, options);
const put = (fields: unknown, options = {}) => api.send('PUT', pathOf(ref), { json: { fields }, ...options });
const rollback = (version: unknown, options = {}) =>
  api.send('POST', `${pathOf(ref)}/rollback`, { json: { version }, ...options });
const preview = (json: unknown, options = {}) => api.send('POST', `${pathOf(ref)}/preview`, { json, ...options });
const NOTE = { target: 'description', source: 'metadata.note' };

async function aProduct(fields: Record<string, unknown> = {}): Promise<string> {
  const sourceId = uuidv7();
  const record = { sourceId, name: 'Cold brew', sku: 'CB-1', metadata: { note: 'With ice' }, ...fields };
  await api.send('POST', `/v1/venues/${venueId}/records/products/batch`, { json: { records: [record] } });
  const { json } = await api.send('GET', `/v1/venues/${venueId}/records/products?sourceId=${sourceId}`);
  return json.data[0]?.id ?? '';
}

describe('the mapping of a resource', () => {
  it('is not found in another venue, for an unknown connection or for an unknown resource', async () => {
    const other = await api.aVenue();
    const paths = [pathOf(ref, 'products', other), pathOf({ connectionId: uuidv7() as ConnectionId })];
    for (const path of paths)
      for (const [method, suffix, json] of [
        ['GET', '', undefined],
        ['PUT', '', { fields: [] }],
        ['GET', '/versions', undefined],
        ['POST', '/preview', {}],
        ['POST', '/rollback', { version: 0 }],
      ] as const)
        expect(await api.send(method, `${path}${suffix}`, json && { json })).toMatchObject({
          status: 404,
          json: { code: 'connection-not-found' },
        });
    expect(await api.send('GET', pathOf(ref, 'loyalty'))).toMatchObject({
      status: 404,
      json: { code: 'mapping-not-found' },
    });
  });

  it('answers 422 for a resource that the provider does not sync', async () => {
    expect(await api.send('GET', pathOf(ref, 'inventory'))).toMatchObject({
      status: 422,
      json: { code: 'resource-not-supported' },
    });
  });

  it.each(['viewer', 'operator'] as const)('is read and previewed by a %s, who may not change it', async (role) => {
    const token = await aToken({ role });
    expect((await get('', { token })).status).toBe(200);
    expect((await get('/versions', { token })).status).toBe(200);
    expect((await preview({}, { token })).status).toBe(200);
    expect((await put([NOTE], { token })).status).toBe(403);
    expect((await rollback(0, { token })).status).toBe(403);
    expect((await get()).json).toMatchObject({ version: 0 });
  });

  it('names everything that is wrong at once, and stores nothing', async () => {
    const answer = await put([
      { target: 'descripton', source: 'nam' },
      { target: 'amountMinor', source: 'name' },
      { target: 'taxable', source: 'metadata.tax', values: { full: true, reduced: true } },
      { target: 'sku', expression: 'nam & $now()' },
      { target: 'currency', expression: '1 + 1' },
    ]);
    expect(answer).toMatchObject({ status: 400, json: { code: 'invalid-request' } });
    expect(answer.json.errors.map(({ path }) => path)).toEqual([
      'fields.0.target',
      'fields.0.source',
      'fields.1.source',
      'fields.1.target',
      'fields.2.values.reduced',
      'fields.3.expression',
      'fields.4.expression',
    ]);
    expect((await get()).json).toMatchObject({ version: 0 });
  });

  it.each([
    ['both a source and an expression', { ...NOTE, expression: 'name' }, ['fields.0.source', 'fields.0.expression']],
    ['neither', { target: 'description' }, ['fields.0.source', 'fields.0.expression']],
    ['an unknown field', { ...NOTE, colour: 'red' }, ['fields.0.colour']],
    ['an unknown policy', { ...NOTE, policy: 'loudest' }, ['fields.0.policy']],
    ['an unknown direction', { ...NOTE, direction: 'up' }, ['fields.0.direction']],
    ['a value that is a list', { ...NOTE, values: { a: ['b'] } }, ['fields.0.values.a']],
    ['values of an expression', { target: 'sku', expression: 'name', values: { a: 'b' } }, ['fields.0.values']],
    ['an expression over its limit', { target: 'sku', expression: `"${'x'.repeat(2_000)}"` }, ['fields.0.expression']],
  ])('refuses a rule with %s', async (_what, rule, paths) => {
    const answer = await put([rule]);
    expect(answer.status).toBe(400);
    expect(answer.json.errors.map(({ path }) => path)).toEqual(paths);
  });

  it('is the defaults until one is saved, and shows what keeps its name', async () => {
    expect((await get()).json).toMatchObject({ version: 0, fields: [], createdAt: null, createdBy: null });
    const saved = await put([NOTE, { target: 'sku', expression: '$uppercase(sku)' }]);
    expect(saved).toMatchObject({
      status: 200,
      json: {
        version: 1,
        createdBy: 'tester',
        fields: [
          { ...NOTE, direction: 'both', policy: 'venue', readOnly: false },
          { target: 'sku', expression: '$uppercase(sku)', readOnly: true },
        ],
        defaults: ['name', 'amountMinor', 'currency', 'active', 'taxable', 'images', 'metadata'],
      },
    });
    const { trial, ...mapping } = saved.json as unknown as { trial: unknown };
    expect(trial).toEqual({ outcome: 'not-tried', reason: 'nothing-to-try', recordId: null });
    expect((await get()).json).toEqual(mapping);
  });

  it('is sent back as it was read without a new version', async () => {
    const first = await put([NOTE]);
    const { fields } = first.json as unknown as { fields: unknown[] };
    expect((await put(fields)).json).toEqual({ ...first.json, trial: null });
  });

  it('keeps its versions, and goes back to one of them by a new version', async () => {
    await put([NOTE]);
    await put([{ ...NOTE, direction: 'push' }]);
    expect((await rollback(1)).json).toMatchObject({ version: 3, restoredVersion: 1, fields: [{ direction: 'both' }] });
    expect((await rollback(0)).json).toMatchObject({ version: 4, restoredVersion: 0, fields: [] });
    const { json } = await get('/versions');
    expect(json.data).toMatchObject([
      { version: 4, active: true },
      { version: 3, active: false },
      { version: 2, active: false },
      { version: 1, active: false },
      { version: 0, active: false },
    ]);
    expect(await rollback(9)).toMatchObject({ status: 404, json: { code: 'mapping-not-found' } });
  });

  it('is rolled back once for one Idempotency-Key', async () => {
    await put([NOTE]);
    await put([]);
    const headers = { 'Idempotency-Key': uuidv7() };
    const first = await rollback(1, { headers });
    await put([]);
    expect((await rollback(1, { headers })).json).toEqual(first.json);
    expect((await get()).json).toMatchObject({ version: 4, fields: [] });
  });

  it('is another one for each connection and resource', async () => {
    await put([NOTE]);
    const other = await aConnection('stripe');
    expect((await api.send('GET', pathOf(other))).json).toMatchObject({ version: 0 });
    expect((await api.send('GET', pathOf(ref, 'customers'))).json).toMatchObject({ version: 0 });
  });

  it('writes an audit row for each change, without the rules', async () => {
    await put([NOTE]);
    await put([NOTE]);
    await rollback(0);
    const rows = await api.database
      .admin`select action, actor, details from audit_log where target_type = 'mapping' and venue_id = ${venueId} order by id`;
    expect(rows.map((row) => ({ ...row }))).toEqual([
      {
        action: 'mapping.changed',
        actor: 'tester',
        details: { version: 1, rules: 1, ...REVIEW, restoredVersion: null },
      },
      {
        action: 'mapping.rolled-back',
        actor: 'tester',
        details: { version: 2, rules: 0, ...REVIEW, restoredVersion: 0 },
      },
    ]);
  });
});

const REVIEW = { policy: 'review', deletionPolicy: 'review' };

describe('the trial of a mapping', () => {
  const refusal = {
    ...NOTHING_TO_TRY,
    outcome: 'refused',
    reason: null,
    recordId: uuidv7() as RecordId,
    code: 'parameter_invalid',
    httpStatus: 400,
    problems: [{ path: 'email', message: 'The provider refuses it: parameter_invalid (http 400).' }],
  } as const;
  afterEach(() => {
    api.mappingGateway.trial = NOTHING_TO_TRY;
  });

  it('keeps a mapping from being saved that the provider refuses, and tells its words', async () => {
    api.mappingGateway.trial = refusal;
    const answer = await put([NOTE]);
    expect(answer).toMatchObject({ status: 422, json: { code: 'mapping-refused', errors: refusal.problems } });
    expect(answer.json.detail).toContain(refusal.recordId);
    expect((await get()).json).toMatchObject({ version: 0, fields: [] });
    expect((await get('/versions')).json.data).toHaveLength(1);
    expect(api.mappingGateway.reprojected.some(({ connectionId }) => connectionId === ref.connectionId)).toBe(false);
  });

  it.each(['rate-limited', 'unavailable', 'access-refused', 'interrupted'] as const)(
    'saves a mapping that could not be tried: %s',
    async (reason) => {
      api.mappingGateway.trial = { ...NOTHING_TO_TRY, reason };
      expect(await put([NOTE])).toMatchObject({ status: 200, json: { version: 1, trial: { reason } } });
    },
  );

  it('saves a mapping while Temporal is away, and has the records read again by the same request later', async () => {
    api.mappingGateway.trial = null;
    expect(await put([NOTE])).toMatchObject({ status: 200, json: { version: 1, reprojectedAt: null } });
    const mine = () => api.mappingGateway.reprojected.filter(({ connectionId }) => connectionId === ref.connectionId);
    expect(mine()).toEqual([]);
    api.mappingGateway.trial = NOTHING_TO_TRY;
    await put([NOTE]);
    expect(mine()).toEqual([{ ...ref, provider: 'stripe', resource: 'products', version: 1 }]);
  });
});

describe('the preview of a mapping', () => {
  it('shows what becomes of records of one’s choice, in the provider’s words too, and what is read back', async () => {
    const recordId = await aProduct();
    const answer = await preview({
      fields: [NOTE, { target: 'name', expression: 'name & " (" & sku & ")"' }],
      recordIds: [recordId],
    });
    expect(answer).toMatchObject({
      status: 200,
      json: {
        data: [
          {
            recordId,
            sent: { name: 'Cold brew (CB-1)', description: 'With ice', metadata: {} },
            payload: { name: 'Cold brew (CB-1)', description: 'With ice' },
            readBack: { metadata: { note: 'With ice' } },
            problems: [],
          },
        ],
      },
    });
    expect((await get()).json).toMatchObject({ version: 0 });
  });

  it('names what cannot be written, by this service and by the provider, without values', async () => {
    const recordId = await aProduct({ name: 'x'.repeat(300) });
    const answer = await preview({
      fields: [{ target: 'sku', expression: '$string($number(name))' }],
      recordIds: [recordId],
    });
    expect(answer.json.data[0]).toMatchObject({
      problems: [
        { path: 'sku', message: expect.stringMatching(/^The expression failed/) as unknown },
        { path: 'name', message: expect.stringContaining('250') as unknown },
      ],
    });
    expect(JSON.stringify(answer.json.data[0]).match(/problems.*/)?.[0]).not.toContain('xxx');
  });

  it('shows some records by the mapping that applies when nothing is named', async () => {
    await aProduct();
    await put([NOTE]);
    const { json } = await preview({});
    expect(json.data).toMatchObject([{ sent: { description: 'With ice' } }]);
  });

  it('does not find a record of another venue', async () => {
    const recordId = await aProduct();
    const token = await aToken({ venues: [venueId] });
    const home = venueId;
    venueId = await api.aVenue();
    ref = await aConnection();
    expect(await preview({ recordIds: [recordId] })).toMatchObject({
      status: 404,
      json: { code: 'product-not-found' },
    });
    expect((await preview({ recordIds: [recordId] }, { token })).status).toBe(404);
    expect(home).not.toBe(venueId);
  });

  it('refuses rules that could not be saved', async () => {
    expect((await preview({ fields: [{ target: 'colour', source: 'name' }] })).json.errors).toMatchObject([
      { path: 'fields.0.target' },
    ]);
  });
});
