import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConnectionId, VenueId } from '../../../contracts/ids.ts';
import { createApiWorld, pathsOf, RETURN_URL } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';

let api: ApiWorld;
let venueId: VenueId;
let base: string;
let withKey: string;
let withGrant: string;

beforeAll(async () => {
  api = await createApiWorld();
  venueId = await api.aVenue();
  base = `/v1/venues/${venueId}`;
  withKey = `${base}/connections/${await api.aConnection(venueId)}`;
  withGrant = `${base}/connections/${await aGrantedConnection()}`;
});
afterAll(() => api.close());

async function aGrantedConnection(): Promise<ConnectionId> {
  const connectionId = uuidv7() as ConnectionId;
  await api.connectionActions.insertConnecting({
    ...{ venueId, connectionId, provider: 'square', environment: api.environmentOf('square'), flow: 'code' },
    nextAction: 'Approve.',
  });
  await api.database
    .admin`update connections set state = 'active', external_account_id = 'ML1' where id = ${connectionId}`;
  return connectionId;
}

/** The paths of all errors of one answer, each once. */
async function wrongIn(method: string, path: string, json?: object): Promise<readonly string[]> {
  const answer = await api.send(method, path, json && { json });
  expect(answer, answer.text).toMatchObject({ status: 400, json: { code: 'invalid-request' } });
  return [...new Set(pathsOf(answer.json.errors))].sort();
}

describe('a new connection', () => {
  const post = (json: object) => wrongIn('POST', `${base}/connections`, json);
  const square = { provider: 'square', environment: 'sandbox' };

  it('is told of scopes and a return URL that this service does not take, with what is wrong by form', async () => {
    expect(
      await post({
        ...{ ...square, environment: 'moon', flow: 'code', unknown: 1 },
        scopes: ['ITEMS_READ', 'NOPE', 7, 'NOPE'],
        returnUrl: 'https://elsewhere.test',
      }),
    ).toEqual(['environment', 'returnUrl', 'scopes', 'scopes.1', 'scopes.2', 'scopes.3', 'unknown']);
  });

  it('is told of scopes of the usual flow when it names none', async () => {
    expect(await post({ ...square, environment: 'moon', scopes: ['NOPE'] })).toEqual(['environment', 'scopes.0']);
  });

  it.each([
    ['a provider', { provider: 'nobody', environment: 'sandbox' }, 'provider'],
    ['a flow', { ...square, flow: 'sideways' }, 'flow'],
  ])(
    'is told of its return URL also beside %s that is wrong, whose scopes nobody knows',
    async (_what, body, field) => {
      const asked = { scopes: ['NOPE'], returnUrl: 'https://elsewhere.test' };
      expect(await post({ ...body, ...asked })).toEqual([field, 'returnUrl']);
    },
  );

  it('is told of each field that does not go with a key, also beside one that is wrong in itself', async () => {
    const asked = { flow: 'sideways', scopes: ['NOPE'], returnUrl: 'https://elsewhere.test' };
    expect(await post({ provider: 'stripe', environment: 'sandbox', credentials: {}, ...asked })).toEqual([
      'credentials.secretKey',
      'flow',
      'returnUrl',
      'scopes',
    ]);
  });

  it('is told that its return URL does not go with a key, and not also that it is another’s', async () => {
    const answer = await api.send('POST', `${base}/connections`, {
      json: {
        ...{ provider: 'stripe', environment: 'sandbox', credentials: { secretKey: 'x' } },
        returnUrl: 'https://elsewhere.test',
      },
    });
    expect(answer.json.errors).toEqual([
      { path: 'returnUrl', message: 'Only for connecting by consent: not together with `credentials`' },
    ]);
  });

  it('is refused for a provider that is not set up before its scopes are looked at', async () => {
    const answer = await api.send('POST', `${base}/connections`, {
      json: { ...square, flow: 'app', scopes: ['NOPE'], returnUrl: RETURN_URL },
    });
    expect(answer).toMatchObject({ status: 409, json: { code: 'provider-not-configured' } });
  });
});

describe('a list or a map that is none', () => {
  it.each([
    ['POST', '/connections', 'scopes', { provider: 'square', environment: 'sandbox' }],
    ['POST', '/reauthorize', 'scopes', {}],
    ['PUT', '/accounts', 'chosen', {}],
  ])('is told by its type alone: %s %s, %s', async (method, path, field, rest) => {
    const at = path === '/connections' ? base + path : withGrant + path;
    for (const value of [{}, 'one', 7]) expect(await wrongIn(method, at, { ...rest, [field]: value })).toEqual([field]);
  });

  it('is told by its type alone where it is a map of values of a mapping', async () => {
    for (const values of [[], 'one', 7]) {
      const fields = [{ target: 'name', source: 'name', values, direction: 'both' }];
      expect(await wrongIn('PUT', `${withKey}/mappings/customers`, { fields })).toEqual(['fields.0.values']);
    }
  });
});

describe('a reauthorization', () => {
  it('is told of scopes and a return URL that this service does not take, with what is wrong by form', async () => {
    const asked = { scopes: ['ITEMS_READ', 'NOPE', 7], returnUrl: 'https://elsewhere.test', unknown: 1 };
    expect(await wrongIn('POST', `${withGrant}/reauthorize`, asked)).toEqual([
      'returnUrl',
      'scopes.1',
      'scopes.2',
      'unknown',
    ]);
    expect(api.connectionGateway.inputs.size).toBe(0);
  });

  it('of a connection with a key is told of its return URL too', async () => {
    expect(
      await wrongIn('POST', `${withKey}/reauthorize`, { returnUrl: 'https://elsewhere.test', unknown: 1 }),
    ).toEqual(['returnUrl', 'unknown']);
  });
});

describe('a signing secret', () => {
  it('is told of a secret of another form, with what is wrong by form', async () => {
    await api.send('POST', `${withKey}/webhook-endpoint`);
    const body = { signingSecret: 'not-stripes', keepPreviousHours: 100, unknown: 1 };
    expect(await wrongIn('PUT', `${withKey}/webhook-endpoint/signing-secret`, body)).toEqual([
      'keepPreviousHours',
      'signingSecret',
      'unknown',
    ]);
  });

  it('of a provider without own addresses is refused for that, once its form is right', async () => {
    const path = `${withGrant}/webhook-endpoint/signing-secret`;
    expect(await wrongIn('PUT', path, { signingSecret: '' })).toEqual(['signingSecret']);
    expect(await api.send('PUT', path, { json: { signingSecret: 'x' } })).toMatchObject({
      json: { code: 'webhook-endpoint-not-supported' },
    });
  });
});

describe('what is not there', () => {
  it('is not found once the form of the request is right', async () => {
    const nowhere = `${base}/connections/${uuidv7()}`;
    expect(await wrongIn('POST', `${nowhere}/reauthorize`, { unknown: 1 })).toEqual(['unknown']);
    expect(await wrongIn('PUT', `${nowhere}/mappings/products`, {})).toEqual(['fields']);
    expect(await wrongIn('GET', `${nowhere}/reports/profit-and-loss?from=today`)).toEqual(['from']);
    for (const [method, path, json] of [
      ['POST', 'reauthorize', { scopes: ['NOPE'] }],
      ['PUT', 'mappings/products', { fields: [{ target: 'nothing', source: 'name' }] }],
      ['PUT', 'webhook-endpoint/signing-secret', { signingSecret: 'x' }],
      ['GET', 'reports/profit-and-loss', undefined],
    ] as const)
      expect(await api.send(method, `${nowhere}/${path}`, { json }), path).toMatchObject({
        status: 404,
        json: { code: 'connection-not-found' },
      });
  });
});

describe('a mapping', () => {
  const fields = [
    { target: 'nothing', source: 'name' },
    { target: 7, direction: 'sideways' },
    { target: 'name', source: 'name', expression: 'name' },
    { target: 'description', source: 'nothing' },
    { target: 'description', expression: 'nothing' },
    { target: 'sku', expression: 'name & (' },
  ];
  const wrong = [
    'fields.0.target',
    ...['fields.1.direction', 'fields.1.expression', 'fields.1.source', 'fields.1.target'],
    ...['fields.2.expression', 'fields.2.source'],
    'fields.3.source',
    ...['fields.4.expression', 'fields.4.target'],
    'fields.5.expression',
  ];

  it('is told of rules that the resource does not take, by their place among rules that are wrong by form', async () => {
    const body = { fields, policy: 'maybe', unknown: 1 };
    expect(await wrongIn('PUT', `${withKey}/mappings/products`, body)).toEqual([...wrong, 'policy', 'unknown']);
  });

  it('is told the same when it is previewed', async () => {
    const body = { fields, recordIds: ['none'] };
    expect(await wrongIn('POST', `${withKey}/mappings/products/preview`, body)).toEqual([...wrong, 'recordIds.0']);
  });

  it('is told that a value map is too large beside a value that is wrong', async () => {
    const many = Object.fromEntries(Array.from({ length: 501 }, (_, index) => [`value ${index}`, 'x']));
    const body = { fields: [{ target: 'name', source: 'name', values: { ...many, wrong: null } }] };
    expect(await wrongIn('PUT', `${withKey}/mappings/products`, body)).toEqual([
      'fields.0.values',
      'fields.0.values.wrong',
    ]);
  });
});

describe('a report', () => {
  let path: string;
  beforeAll(async () => {
    const id = uuidv7();
    await api.database.admin`
      insert into connections (id, venue_id, provider, environment, state, external_account_id)
      values (${id}, ${venueId}, 'quickbooks', 'sandbox', 'active', 'realm')`;
    path = `${base}/connections/${id}/reports`;
  });

  it.each([
    ['profit-and-loss', '', ['from', 'to']],
    ['profit-and-loss', '?from=2026-13-01', ['from', 'to']],
    ['profit-and-loss', '?to=tomorrow&unknown=1', ['from', 'to', 'unknown']],
    ['profit-and-loss', '?from=2026-02-01&to=2026-01-01&unknown=1', ['from', 'unknown']],
    ['profit-and-loss', '?from=2026-01-01&from=2026-01-02', ['from', 'to']],
    ['balance-sheet', '?from=yesterday', ['from', 'to']],
  ])('%s is told of every day that is wrong or missing in %j', async (report, query, wrong) => {
    expect(await wrongIn('GET', `${path}/${report}${query}`)).toEqual(wrong);
  });
});

describe('the days of a venue', () => {
  it('are told with all other errors of a summary', async () => {
    const path = `${base}/transactions/summary`;
    expect(await wrongIn('GET', `${path}?from=2090-01-01&kind=parrot`)).toEqual(['from', 'kind']);
    expect(await wrongIn('GET', `${path}?from=2020-01-01&to=2026-01-01&unknown=1`)).toEqual(['from', 'unknown']);
    expect(await wrongIn('GET', `${path}?from=2026-02-01&to=2026-01-01&kind=parrot`)).toEqual(['from', 'kind']);
  });

  it('are told with all other errors of a reconciliation', async () => {
    const path = `${base}/reconciliations`;
    expect(await wrongIn('POST', path, { connectionId: 'none', to: '2090-01-01' })).toEqual(['connectionId', 'to']);
    expect(await wrongIn('POST', path, { from: '2090-01-01', unknown: 1 })).toEqual([
      'connectionId',
      'from',
      'unknown',
    ]);
    expect(await wrongIn('POST', path, { from: '2020-01-01', to: '2090-01-01' })).toEqual([
      'connectionId',
      'from',
      'to',
    ]);
  });
});

describe('other bodies that depend on what is stored', () => {
  it('name fields that cannot be left out of a resource, with what is wrong by form', async () => {
    const body = { excludedFields: ['nothing', 7, 'email', 'email'], historyFrom: 'yesterday' };
    expect(await wrongIn('PUT', `${withKey}/reach/customers`, body)).toEqual([
      ...['excludedFields.0', 'excludedFields.1', 'excludedFields.2', 'excludedFields.3'],
      'historyFrom',
    ]);
  });

  it('name values that do not resolve a conflict, with what is wrong by form', async () => {
    const id = uuidv7();
    const { id: connectionId } = (await api.send('GET', withKey)).json;
    const conflicting = [{ field: 'name', before: 'a', venue: 'b', provider: 'c' }];
    await api.database.admin`
      insert into merge_conflicts (id, venue_id, connection_id, resource, record_id, source_id, kind, fields)
      values (${id}, ${venueId}, ${connectionId}, 'customers', ${uuidv7()}, 'a', 'fields', ${api.database.admin.json(conflicting)})`;
    const path = `${base}/conflicts/${id}/resolve`;
    expect(await wrongIn('POST', path, { take: 'values', values: { email: 'x' }, unknown: 1 })).toEqual([
      'unknown',
      'values.email',
      'values.name',
    ]);
  });

  it('name fields of a dead letter’s record, with what is wrong by form', async () => {
    const load = { records: [{ sourceId: 'a', name: 'Ada' }] };
    await api.send('POST', `${base}/records/customers/batch`, { json: load });
    const id = uuidv7();
    const { id: connectionId } = (await api.send('GET', withKey)).json;
    await api.database.admin`
      insert into dead_letters (id, venue_id, connection_id, source, source_key, provider, resource, record_id, code, message, history)
      select ${id}, ${venueId}, ${connectionId}, 'record', 'k', 'stripe', 'customers', id, 'rejected', 'x', '[]' from customers where venue_id = ${venueId} limit 1`;
    const body = { fields: { email: 'no address', nothing: 1 }, unknown: 1 };
    expect(await wrongIn('PATCH', `${base}/dead-letters/${id}`, body)).toEqual([
      'fields.email',
      'fields.nothing',
      'unknown',
    ]);
  });

  it('name a choice of accounts that repeats one, with what is wrong by form', async () => {
    expect(await wrongIn('PUT', `${withGrant}/accounts`, { chosen: ['a', 'a', 7], unknown: 1 })).toEqual([
      'chosen',
      'chosen.2',
      'unknown',
    ]);
  });
});

describe('a repeated query parameter', () => {
  it('is told with all other errors of the request', async () => {
    expect(await wrongIn('GET', `${base}/connections?limit=0&cursor=a&cursor=b&unknown=1`)).toEqual([
      'cursor',
      'limit',
      'unknown',
    ]);
  });
});
