import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aKey, aToken, createApiWorld, WIDE_LIMITS } from '../api-world.ts';
import type { Answered, ApiWorld } from '../api-world.ts';

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly schema: { readonly pattern?: string };
}
interface Operation {
  readonly operationId: string;
  readonly security: readonly object[];
  readonly parameters?: readonly Parameter[];
  readonly responses: Readonly<
    Record<string, { readonly headers?: Readonly<Record<string, { readonly $ref: string }>> }>
  >;
}
interface Document {
  readonly info: { readonly description: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly headers?: Readonly<Record<string, { readonly schema: object }>>;
    readonly schemas: Readonly<
      Record<string, { readonly properties?: Readonly<Record<string, object>>; readonly enum?: readonly string[] }>
    >;
    readonly securitySchemes: { readonly token: { readonly description?: string } };
  };
}

let api: ApiWorld;
let document: Document;
beforeAll(async () => {
  api = await createApiWorld();
  document = JSON.parse((await api.send('GET', '/openapi.json', { token: null })).text) as Document;
});
afterAll(() => api.close());

const operations = () => Object.values(document.paths).flatMap((item) => Object.values(item));
const operation = (id: string) => operations().find(({ operationId }) => operationId === id)!;
const parametersNamed = (name: string) =>
  operations().flatMap(({ parameters = [] }) => parameters.filter((parameter) => parameter.name === name));
const patternOf = (name: string) => new RegExp(parametersNamed(name)[0]?.schema.pattern ?? 'no pattern', 'u');

/** Headers that Node or the security middleware sends on every answer. */
const EVERYWHERE =
  /^(date|connection|keep-alive|content-(length|type|security-policy)|transfer-encoding|cross-origin-.*|origin-agent-cluster|referrer-policy|strict-transport-security|x-(robots-tag|content-type-options|dns-prefetch-control|download-options|frame-options|permitted-cross-domain-policies|xss-protection|accel-buffering))$/;

/** Headers of an answer that the document lacks for its operation and status, or that do not match their schema. */
function undescribed(id: string, { status, headers }: Answered): readonly string[] {
  const described = new Map(
    Object.entries(operation(id).responses[status]?.headers ?? {}).map(([name, { $ref }]) => [
      name.toLowerCase(),
      $ref,
    ]),
  );
  const ajv = new Ajv2020({ strict: false, validateFormats: false, coerceTypes: true });
  return [...headers].flatMap(([name, value]) => {
    if (EVERYWHERE.test(name)) return [];
    const component = document.components.headers?.[described.get(name)?.split('/').at(-1) ?? ''];
    if (!component) return [`${name} is not described`];
    return ajv.validate({ type: 'object', properties: { value: component.schema } }, { value })
      ? []
      : [`${name}: ${value} is not as described`];
  });
}

/** Answers to new keys of a connection: stored, given again, and refused. */
async function keysOf(path: string): Promise<readonly (readonly [string, Answered])[]> {
  const keys = [api.sandbox.secretKey, api.sandbox.secretKey, 'sk_test_wrong'];
  const answers: [string, Answered][] = [];
  for (const secretKey of keys)
    answers.push([
      'changeConnection',
      await api.send('PATCH', path, {
        json: { credentials: { secretKey } },
        headers: { 'idempotency-key': `of ${secretKey}` },
      }),
    ]);
  return answers;
}

describe('the OpenAPI document', () => {
  it('is valid OpenAPI 3.1 according to an independent validator', async () => {
    expect(await new Validator().validate({ ...document })).toEqual({ valid: true });
  });

  it('describes every header of real answers, good and bad', async () => {
    const venueId = await api.aVenue();
    const base = `/v1/venues/${venueId}`;
    const venue = {
      json: { name: 'Once', timeZone: 'UTC', currency: 'EUR' },
      headers: { 'idempotency-key': 'headers' },
    };
    const connected = await api.send('POST', `${base}/connections`, { json: aKey(api.sandbox.secretKey) });
    const order = { json: { connectionId: connected.json.id, resource: 'customers', direction: 'push', mode: 'full' } };
    const answers: readonly (readonly [string, Answered])[] = [
      ['createVenue', await api.send('POST', '/v1/venues', venue)],
      ['createVenue', await api.send('POST', '/v1/venues', venue)],
      [
        'createVenue',
        await api.send('POST', '/v1/venues', { ...venue, json: { name: 'Other', timeZone: 'UTC', currency: 'EUR' } }),
      ],
      ['createVenue', await api.send('POST', '/v1/venues', { json: {} })],
      ['createVenue', await api.send('POST', '/v1/venues', { token: null })],
      ['createVenue', await api.send('POST', '/v1/venues', { token: await aToken({ role: 'viewer' }) })],
      ['listVenues', await api.send('GET', '/v1/venues')],
      ['getVenue', await api.send('GET', '/v1/venues/none')],
      ['createConnection', connected],
      ['createConnection', await api.send('POST', `${base}/connections`, { json: aKey(api.sandbox.secretKey) })],
      ...(await keysOf(`${base}/connections/${connected.json.id}`)),
      [
        'createConnection',
        await api.send('POST', `${base}/connections`, {
          json: aKey('sk_test_wrong'),
          headers: { 'idempotency-key': 'refused' },
        }),
      ],
      [
        'createConnection',
        await api.send('POST', `${base}/connections`, {
          json: aKey('sk_test_wrong'),
          headers: { 'idempotency-key': 'refused' },
        }),
      ],
      ['startSync', await api.send('POST', `${base}/syncs`, order)],
      ['startSync', await api.send('POST', `${base}/syncs`, order)],
      ['rotateKeys', await api.send('POST', '/v1/admin/keys/rotate')],
      [
        'loadCustomers',
        await api.send('POST', `${base}/records/customers/batch`, {
          json: { records: [] },
          headers: { 'idempotency-key': 'load' },
        }),
      ],
      ['live', await api.send('GET', '/health/live')],
      ['ready', await api.send('GET', '/health/ready')],
      ['deepHealth', await api.send('GET', '/health/deep')],
      ['openapi', await api.send('GET', '/openapi.json')],
      ['docs', await api.send('GET', '/docs')],
      ['errors', await api.send('GET', '/docs/errors')],
      ['webhook', await api.send('POST', '/webhooks/stripe', { json: {} })],
      ['oauthCallback', await api.send('GET', '/oauth/stripe/callback')],
      ['oauthAuthorize', await api.send('GET', '/oauth/stripe/authorize')],
      ['oauthAttempt', await api.send('GET', '/oauth/attempts/none')],
    ];
    expect(new Set(answers.map(([, { status }]) => status))).toEqual(new Set([200, 201, 202, 400, 401, 403, 404, 422]));
    for (const [id, answer] of answers) expect.soft(undescribed(id, answer), `${id} ${answer.status}`).toEqual([]);
    const sent = new Set(answers.flatMap(([, { headers }]) => [...headers.keys()]));
    expect([...sent]).toEqual(
      expect.arrayContaining([
        'location',
        'idempotency-replayed',
        'interlock-warning',
        'ratelimit',
        'ratelimit-policy',
        'www-authenticate',
        'x-request-id',
      ]),
    );
  });

  it('describes the headers of 429 and 503', async () => {
    const world = await createApiWorld({
      config: { rateLimits: { ...WIDE_LIMITS, perCallerPerMinute: 1, perVenuePerMinute: 9 } },
    });
    try {
      await world.send('GET', '/v1/venues');
      const limited = await world.send('GET', '/v1/venues');
      expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, expect.stringMatching(/^\d+$/)]);
      expect(undescribed('listVenues', limited)).toEqual([]);
    } finally {
      await world.close();
    }
    api.scheduleGateway.away = true;
    const venueId = await api.aVenue();
    const path = `/v1/venues/${venueId}/connections/${await api.aConnection(venueId)}/schedules/customers`;
    const away = await api.send('PUT', path, { json: { every: '1h' } });
    api.scheduleGateway.away = false;
    expect([away.status, away.headers.get('retry-after')]).toEqual([503, expect.stringMatching(/^\d+$/)]);
    expect(undescribed('putSchedule', away)).toEqual([]);
  });

  it('gives request headers the formats that the API checks', async () => {
    expect(parametersNamed('Idempotency-Key').length).toBeGreaterThan(5);
    const keys = ['a', 'x'.repeat(255), 'a key with spaces', '', 'x'.repeat(256), 'ü'];
    const venue = { name: 'Once', timeZone: 'UTC', currency: 'EUR' };
    for (const key of keys) {
      const { status } = await api.send('POST', '/v1/venues', { json: venue, headers: { 'idempotency-key': key } });
      expect.soft(status === 201, key).toBe(patternOf('Idempotency-Key').test(key));
    }
    const venueId = await api.aVenue();
    const connectionId = await api.aConnection(venueId);
    const run = await api.send('POST', `/v1/venues/${venueId}/syncs`, {
      json: { connectionId, resource: 'customers', direction: 'push', mode: 'full' },
    });
    for (const id of ['0', '0-12', '0-finished', 'x', '1-', '-1', '0-done']) {
      const { status } = await api.send('HEAD', `/v1/venues/${venueId}/syncs/${run.json.id}/events`, {
        headers: { 'last-event-id': id },
      });
      expect.soft(status === 200, id).toBe(patternOf('Last-Event-ID').test(id));
    }
  });

  it('has no pattern for X-Request-Id, because an invalid one is replaced and not rejected', async () => {
    expect(parametersNamed('X-Request-Id').filter(({ schema }) => schema.pattern !== undefined)).toEqual([]);
    expect((await api.send('GET', '/v1/venues', { headers: { 'x-request-id': 'not sane' } })).status).toBe(200);
  });

  it('describes the formats of currency, scopes, modes and a schedule’s times', () => {
    expect(parametersNamed('currency').map(({ schema }) => schema.pattern)).toEqual([
      '^[A-Z]{3}$',
      '^[A-Z]{3}$',
      '^[A-Z]{3}$',
    ]);
    for (const name of ['NewConnection', 'Reauthorization'])
      expect(document.components.schemas[name]?.properties?.['scopes']).toMatchObject({ uniqueItems: true });
    expect(document.components.schemas['SyncMode']).toMatchObject({
      description: expect.stringMatching(/first push takes every record/) as string,
    });
  });

  it('requires exactly one of every and cron in a schedule, as the API does', async () => {
    const ajv = new Ajv2020({
      strict: false,
      validateFormats: false,
      schemas: [{ $id: 'interlock', components: document.components }],
    });
    const validate = ajv.compile({ $ref: 'interlock#/components/schemas/ScheduleSettings' });
    const venueId = await api.aVenue();
    const path = `/v1/venues/${venueId}/connections/${await api.aConnection(venueId)}/schedules/customers`;
    const cron = '0 6 * * *';
    for (const settings of [
      { every: '1h' },
      { cron },
      { cron, timeZone: 'UTC' },
      { every: '1h', paused: true, note: null },
      {},
      { every: '1h', cron },
      { every: '1h', timeZone: 'UTC' },
      { timeZone: 'UTC' },
      { cron, mode: 'x' },
    ]) {
      expect
        .soft(validate(settings), JSON.stringify(settings))
        .toBe((await api.send('PUT', path, { json: settings })).status === 200);
    }
  });

  it('names the schema of every object in an answer, page, body and of each repeated enumeration', () => {
    const anonymous = operations().flatMap(({ operationId, responses }) =>
      Object.entries(responses).flatMap(([status, answer]) =>
        Object.values((answer as { content?: Record<string, { schema: object }> }).content ?? {}).flatMap(
          ({ schema }) => ('properties' in schema ? [`${operationId} ${status}`] : []),
        ),
      ),
    );
    expect(anonymous).toEqual([]);
    const words = new Map<string, number>();
    JSON.stringify(document.components.schemas, (_key, value: unknown) => {
      const list = value && typeof value === 'object' && 'enum' in value ? JSON.stringify(value.enum) : null;
      if (list !== null && list !== '[true]') words.set(list, (words.get(list) ?? 0) + 1);
      return value;
    });
    expect([...words].filter(([, count]) => count > 1)).toEqual([]);
  });

  it('explains how to make a token: the claims in the description and in the security scheme', () => {
    const text = `${document.info.description}\n${document.components.securitySchemes.token.description ?? ''}`;
    for (const word of [
      '`sub`',
      '`exp`',
      '`role`',
      '`venues`',
      'HS256',
      'JWT_SECRET',
      'JWT_JWKS_URL',
      'interlock -- token',
      '`viewer`',
      '`operator`',
      '`admin`',
    ])
      expect.soft(text, word).toContain(word);
  });
});
