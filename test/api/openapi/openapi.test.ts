import { readFile } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { problemsOf } from '../../../api/errors/problems.ts';
import { OUTGOING_EVENT_TYPES, SAMPLE_TYPE } from '../../../contracts/outgoing-webhooks.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import { createApiWorld } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';

let api: ApiWorld;
/** The part of the document that these tests read. */
interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly security: readonly object[];
  readonly responses: Readonly<Record<string, object>>;
}
interface Body {
  readonly schema: { readonly $ref: string };
}
let document: {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly webhooks: Readonly<
    Record<string, { readonly post: { readonly requestBody: { readonly content: Readonly<Record<string, Body>> } } }>
  >;
  readonly components: { readonly schemas: Readonly<Record<string, { readonly properties: object }>> };
};

beforeAll(async () => {
  api = await createApiWorld();
  document = JSON.parse((await api.send('GET', '/openapi.json', { token: null })).text) as typeof document;
});
afterAll(() => api.close());

interface Layer {
  readonly route?: {
    readonly path: string;
    readonly methods?: Record<string, boolean>;
    readonly stack: readonly { readonly method?: string }[];
  };
  readonly handle?: { readonly stack?: readonly Layer[] };
}

/** The routes that Express has mounted, in OpenAPI notation, read from Express itself and not from our own table. */
function mounted(layers: readonly Layer[]): string[] {
  return layers.flatMap((layer) => {
    if (layer.handle?.stack) return mounted(layer.handle.stack);
    const { route } = layer;
    if (!route) return [];
    const methods = new Set(route.stack.flatMap(({ method }) => method ?? []));
    return [...methods].map((method) => `${method} ${route.path.replace(/:(\w+)/g, '{$1}')}`);
  });
}

describe('the OpenAPI document', () => {
  it('describes every mounted route, and mounts every described one', () => {
    const described = Object.entries(document.paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method} ${path}`),
    );
    const assets = ['get /docs/start.js', 'get /docs/swagger-ui.css', 'get /docs/swagger-ui-bundle.js'];
    expect(described.sort()).toEqual(
      [
        ...mounted((api.express as unknown as { router: { stack: Layer[] } }).router.stack),
        ...api.webhookPaths.map((path) => `post ${path}`),
      ]
        .filter((route) => !assets.includes(route))
        .sort(),
    );
    expect(described.length).toBeGreaterThan(20);
  });

  it('is OpenAPI 3.1 with valid JSON Schemas and resolvable references', () => {
    expect(document.openapi).toBe('3.1.0');
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    for (const [name, schema] of Object.entries(document.components.schemas)) {
      expect.soft(ajv.validateSchema(schema), `${name}: ${JSON.stringify(ajv.errors)}`).toBe(true);
    }
    const text = JSON.stringify(document);
    for (const [, name] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g))
      expect(Object.keys(document.components.schemas)).toContain(name);
    for (const [, pattern] of text.matchAll(/"pattern":"((?:[^"\\]|\\.)*)"/g))
      expect(() => new RegExp(JSON.parse(`"${pattern ?? ''}"`) as string, 'u')).not.toThrow();
  });

  it('gives each operation a unique id, a summary, its answers, and its problems by code', () => {
    const operations = Object.values(document.paths).flatMap((item) => Object.values(item));
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
    for (const operation of operations) {
      expect(operation.summary).toMatch(/./);
      expect(Object.keys(operation.responses).some((status) => /^[23]/.test(status))).toBe(true);
    }
    const secured = operations.filter(
      ({ security }) => security.length > 0 && security.every((way) => Object.keys(way).length > 0),
    );
    expect(secured.length).toBe(api.endpoints.length);
    for (const { responses } of secured)
      expect(Object.keys(responses)).toEqual(expect.arrayContaining(['400', '401', '429', '500', '503']));
  });

  it('describes every message to subscribers, with its type and data', () => {
    expect(Object.keys(document.webhooks).sort()).toEqual([...OUTGOING_EVENT_TYPES, SAMPLE_TYPE].sort());
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    ajv.addSchema({ $id: 'document', ...document });
    const id = '01932d2e-5a1c-7d3b-9e58-0242ac120002';
    const message = {
      ...{ type: 'sync.stale', timestamp: '2026-11-29T08:00:00.000Z' },
      data: {
        ...{ connectionId: id, provider: 'stripe', resource: 'customers', direction: 'pull' },
        ...{ reason: 'failing', lastGoodRunAt: null, path: '/v1' },
      },
    };
    const isValid = (type: string, body: object) => {
      const { $ref = '' } = document.webhooks[type]?.post.requestBody.content['application/json']?.schema ?? {};
      return ajv.validate({ $ref: `document${$ref}` }, body);
    };
    expect(isValid('sync.stale', message)).toBe(true);
    expect(isValid('sync.stale', { ...message, data: { ...message.data, reason: 'bored' } })).toBe(false);
    expect(isValid('sync.failed', message)).toBe(false);
  });

  it('names every code of our statuses', () => {
    const described = new Set([...JSON.stringify(document.paths).matchAll(/`([a-z-]+)`: /g)].map(([, code]) => code));
    const outside = ['not-found', 'method-not-allowed', 'headers-too-large'];
    expect(
      Object.keys(problemsOf(RECORD_KINDS))
        .filter((code) => !described.has(code))
        .sort(),
    ).toEqual(outside.sort());
  });

  it('matches real answers', async () => {
    const venueId = await api.aVenue();
    const connectionId = await api.aConnection(venueId);
    const base = `/v1/venues/${venueId}`;
    const loaded = await api.send('POST', `${base}/records/customers/batch`, {
      json: {
        records: [
          { sourceId: 'a', address: { city: 'B' } },
          { sourceId: 'b', email: 'x' },
        ],
      },
    });
    const time = '2026-01-01T00:00:00Z';
    await api.send('POST', `${base}/records/products/batch`, {
      json: { records: [{ sourceId: 'a', name: 'A', amountMinor: 1, currency: 'EUR' }] },
    });
    await api.send('POST', `${base}/records/inventory/batch`, {
      json: {
        records: [{ sourceId: 'a', productSourceId: 'a', location: 'Counter', quantity: '1.5', countedAt: time }],
      },
    });
    await api.send('POST', `${base}/records/transactions/batch`, {
      json: {
        records: [
          {
            sourceId: 'a',
            kind: 'payment',
            occurredAt: time,
            amountMinor: 1,
            currency: 'EUR',
            status: 'succeeded',
            lines: [{ amountMinor: 1 }],
          },
        ],
      },
    });
    await api.send('POST', `${base}/records/invoices/batch`, {
      json: {
        records: [{ sourceId: 'a', status: 'open', currency: 'EUR', totalMinor: 1, lines: [{ amountMinor: 1 }] }],
      },
    });
    const started = await api.send('POST', `${base}/syncs`, {
      json: { connectionId, resource: 'customers', direction: 'pull', mode: 'full' },
    });
    const planned = await aPlan(venueId, connectionId);
    const first = async (path: string) => ({ json: (await api.send('GET', `${base}/${path}`)).json.data[0] ?? {} });
    const answers = [
      ['BatchResult', loaded],
      ['SyncRun', started],
      ['Venue', await api.send('GET', base)],
      ['ConnectionDetail', await api.send('GET', `${base}/connections/${connectionId}`)],
      ['Connection', await first('connections')],
      ['Customer', await first('records/customers')],
      ['Product', await first('records/products')],
      ['InventoryLevel', await first('records/inventory')],
      ['Transaction', await first('records/transactions')],
      ['Invoice', await first('records/invoices')],
      ['TransactionSummary', await api.send('GET', `${base}/transactions/summary?from=2026-01-01&to=2026-01-31`)],
      ['SyncLogEntry', { json: (await api.send('GET', `${base}/syncs/${started.json.id}/log`)).json.data[0] ?? {} }],
      ['SyncPlan', await api.send('GET', `${base}/syncs/${planned}/plan`)],
      ['SyncPlanItem', { json: (await api.send('GET', `${base}/syncs/${planned}/plan/items`)).json.data[0] ?? {} }],
      ['Integration', await api.send('GET', '/v1/integrations/stripe')],
      ['IntegrationStatus', await api.send('GET', '/v1/integrations/stripe/status')],
      ['Problem', await api.send('GET', '/nowhere')],
      ['Readiness', await api.send('GET', '/health/ready')],
      ['DeepHealth', await api.send('GET', '/health/deep')],
    ] as const;
    const ajv = new Ajv2020({
      strict: false,
      validateFormats: false,
      schemas: [{ $id: 'interlock', components: document.components }],
    });
    for (const [name, { json }] of answers) {
      const validate = ajv.compile({ $ref: `interlock#/components/schemas/${name}` });
      expect.soft(validate(json), `${name}: ${JSON.stringify(validate.errors)}`).toBe(true);
      const described = Object.keys(document.components.schemas[name]?.properties ?? {});
      expect
        .soft(
          Object.keys(json).filter((field) => !described.includes(field)),
          name,
        )
        .toEqual([]);
    }
  });
});

/** A dry run as the engine leaves it. */
async function aPlan(venueId: string, connectionId: string): Promise<string> {
  const order = { connectionId, resource: 'customers', direction: 'push', mode: 'full', dryRun: true };
  const { id } = (await api.send('POST', `/v1/venues/${venueId}/syncs`, { json: order })).json;
  const { admin } = api.database;
  await admin`update sync_runs set phase = 'finished', outcome = 'completed', finished_at = now(), plan = ${admin.json({ calls: 1, seconds: 0.5 })} where id = ${id}`;
  await admin`insert into sync_plan_items (venue_id, sync_id, key, action, source_id) values (${venueId}, ${id}, 'a', 'create', 'a')`;
  return id;
}

describe('the reference page', () => {
  it('loads only existing scripts and styles of this origin, none of them inline', async () => {
    const page = await api.send('GET', '/docs', { token: null });
    expect(page.status).toBe(200);
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self';");
    expect(page.headers.get('content-security-policy')).not.toContain('unsafe');
    expect(page.text).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\son\w+=|https?:/);
    const links = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link ?? '');
    expect(links).toHaveLength(3);
    for (const link of links) {
      const file = await api.send('GET', `/${link}`, { token: null });
      expect
        .soft([file.status, file.headers.get('content-type')], link)
        .toEqual([200, `text/${link.endsWith('.css') ? 'css' : 'javascript'}; charset=utf-8`]);
      expect.soft(file.text.length, link).toBeGreaterThan(50);
    }
    expect((await api.send('GET', '/docs/start.js')).text).toContain("url: 'openapi.json'");
  });

  it('explains every problem code at its `type` URL', async () => {
    const problem = (await api.send('GET', '/nowhere')).json;
    const { pathname, hash } = new URL(problem.type);
    const page = await api.send('GET', pathname, { token: null });
    expect(page.text).toContain(`id="${hash.slice(1)}"`);
    for (const code of Object.keys(problemsOf(RECORD_KINDS))) expect(page.text).toContain(`id="${code}"`);
  });
});

describe('docs/errors.md', () => {
  it('lists every code with its status, meaning and remedy, and no other', async () => {
    const text = await readFile(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
    const sections = text.split(/^### /m).slice(1);
    const documented = sections.map((section) => {
      const [heading, , facts, , remedy] = section.split('\n');
      return { heading, facts, remedy };
    });
    const expected = Object.entries(problemsOf(RECORD_KINDS)).map(([code, { status, title, meaning, remedy }]) => ({
      heading: code,
      facts: `**${status} · ${title}.** ${meaning}`,
      remedy: `What to do: ${remedy}`,
    }));
    expect(documented).toEqual(expected);
  });
});
