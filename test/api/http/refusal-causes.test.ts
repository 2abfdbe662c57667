import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ServerResponse } from 'node:http';
import { aServer, configAt } from '../../providers/oauth/oauth-world.ts';
import { createApiWorld } from '../api-world.ts';

type World = Awaited<ReturnType<typeof createApiWorld>>;
type Speaker = (res: ServerResponse, path: string) => void;

const page =
  (status: number): Speaker =>
  (res) =>
    res.writeHead(status, { 'content-type': 'text/html' }).end(`<html>${status} secret-page-text</html>`);
const json =
  (status: number, body: object): Speaker =>
  (res) =>
    res.writeHead(status, { 'content-type': 'application/json', 'request-id': 'req_1' }).end(JSON.stringify(body));

const KEYS = [
  ['stripe', 'sandbox', 'sk_test_51causes'],
  ['square', 'sandbox', 'EAAAcauses'],
  ['mailchimp', 'production', '0123456789abcdef0123456789abcdef-us6'],
] as const;

/** Each provider's own refusal of a request that it understands. */
const REFUSED = {
  stripe: { error: { type: 'invalid_request_error', code: 'resource_missing', message: 'secret-page-text' } },
  square: { errors: [{ category: 'INVALID_REQUEST_ERROR', code: 'NOT_FOUND', detail: 'secret-page-text' }] },
  mailchimp: { type: 'about:blank', title: 'Resource Not Found', status: 404, detail: 'secret-page-text' },
} as const;

describe('connecting with a key', () => {
  let api: World;
  let path: string;
  let speak: Speaker;
  let server: Awaited<ReturnType<typeof aServer>>;

  beforeAll(async () => {
    server = await aServer((asked, res) => {
      speak(res, asked.path);
    });
    api = await createApiWorld({ providers: configAt(server.url) });
    const venue = await api.send('POST', '/v1/venues', { json: { name: 'Harbour', timeZone: 'UTC', currency: 'EUR' } });
    path = `/v1/venues/${venue.json.id}/connections`;
  }, 60_000);
  afterAll(async () => {
    await api.close();
    await server.close();
  });

  async function causeOf([provider, environment, secretKey]: (typeof KEYS)[number], answer: Speaker) {
    speak = answer;
    const {
      status,
      headers,
      json: body,
      text,
    } = await api.send('POST', path, { json: { provider, environment, credentials: { secretKey } } });
    expect(text).not.toContain('secret-page-text');
    return { status, code: body.code, detail: body.detail, retryAfter: headers.get('retry-after') };
  }

  for (const key of KEYS) {
    const [provider] = key;

    it.each([404, 400, 405, 401, 410])(
      `reports that the answer is not from the API of ${provider}: a page with %i, as at a wrong address`,
      async (status) => {
        const cause = await causeOf(key, page(status));
        expect(cause).toMatchObject({ status: 502, code: 'provider-unexpected-response', retryAfter: null });
        expect(cause.detail).toContain(`HTTP ${status}`);
      },
    );

    it(`reports that the answer is not from the API of ${provider}: a page with 200, or another server’s JSON`, async () => {
      expect(await causeOf(key, page(200))).toMatchObject({ status: 502, code: 'provider-unexpected-response' });
      expect(await causeOf(key, json(200, { hello: 'world' }))).toMatchObject({
        status: 502,
        code: 'provider-unexpected-response',
      });
    });

    it.each([404, 400, 405])(`reports a refusal that ${provider} itself makes with %i`, async (status) => {
      expect(await causeOf(key, json(status, REFUSED[provider]))).toMatchObject({
        status: 502,
        code: 'provider-refused',
        retryAfter: null,
      });
    });

    it.each([500, 502, 503])(`reports that ${provider} is failing: %i`, async (status) => {
      for (const answer of [page(status), json(status, {})])
        expect(await causeOf(key, answer)).toMatchObject({
          status: 503,
          code: 'provider-unavailable',
          retryAfter: '5',
        });
    });

    it(`reports that ${provider} broke off the connection`, async () => {
      expect(await causeOf(key, (res) => res.destroy())).toMatchObject({ status: 503, code: 'provider-unavailable' });
    });
  }

  it('distinguishes a key that is refused from one with too few permissions', async () => {
    expect(
      await causeOf(KEYS[0], json(401, { error: { type: 'invalid_request_error', message: 'Invalid API Key' } })),
    ).toMatchObject({ status: 422, code: 'credentials-refused' });
    expect(
      await causeOf(KEYS[0], json(403, { error: { type: 'invalid_request_error', message: 'permission' } })),
    ).toMatchObject({ status: 422, code: 'credentials-insufficient' });
  });
});

describe('connecting with a key when nothing answers at the provider’s address', () => {
  it.each([
    ['nothing listens there', (_plain: string, closed: string) => closed],
    ['its name is unknown', () => 'http://provider.invalid'],
    ['it does not speak TLS', (plain: string) => plain.replace('http:', 'https:')],
  ])('reports that no connection can be made: %s', async (_what, urlOf) => {
    const [plain, closed] = await Promise.all([aServer((_asked, res) => res.end()), aServer(() => undefined)]);
    await closed.close();
    const api = await createApiWorld({ providers: configAt(urlOf(plain.url, closed.url)) });
    const venue = await api.send('POST', '/v1/venues', { json: { name: 'Harbour', timeZone: 'UTC', currency: 'EUR' } });
    for (const [provider, environment, secretKey] of KEYS) {
      const {
        status,
        headers,
        json: body,
      } = await api.send('POST', `/v1/venues/${venue.json.id}/connections`, {
        json: { provider, environment, credentials: { secretKey } },
      });
      expect({ provider, status, code: body.code, retryAfter: headers.get('retry-after') }).toEqual({
        provider,
        status: 503,
        code: 'provider-unreachable',
        retryAfter: '5',
      });
    }
    await api.close();
    await plain.close();
  });
});
