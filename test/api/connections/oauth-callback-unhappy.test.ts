import { describe, expect, it } from 'vitest';
import { PROBLEMS } from '../../../api/errors/problems.ts';
import { CODE, createVisitors, expectPage } from './callback-visitors.ts';
import type { Begun } from './callback-visitors.ts';

const { api, anAttempt, visit, handedOver } = createVisitors();

describe('a malformed callback', () => {
  it.each<[string, string, string]>([
    ['with no query', '', 'callback-invalid'],
    ['without a state', `code=${CODE}`, 'callback-invalid'],
    ['with an empty state', `state=&code=${CODE}`, 'authorization-not-found'],
    ['with a state of another length', `state=abc&code=${CODE}`, 'authorization-not-found'],
    ['with a forged state', `state=${'A'.repeat(43)}&code=${CODE}`, 'authorization-not-found'],
    [
      'with markup for a state',
      `state=${encodeURIComponent('<script>alert(1)</script>')}&code=${CODE}`,
      'authorization-not-found',
    ],
  ])('with %s is rejected', async (_case, query, code) => {
    const answer = await visit(query);
    expectPage(answer, PROBLEMS[code as keyof typeof PROBLEMS].status, code);
    expect(answer.text).not.toContain('alert');
  });

  it.each<[string, (begun: Begun) => string, string]>([
    ['without code and error', ({ state }) => `state=${state}`, 'callback-invalid'],
    ['with both code and error', ({ state }) => `state=${state}&code=${CODE}&error=access_denied`, 'callback-invalid'],
    ['with two codes', ({ state }) => `state=${state}&code=${CODE}&code=other`, 'callback-invalid'],
    ['with the state twice', ({ state }) => `state=${state}&state=${state}&code=${CODE}`, 'callback-invalid'],
    [
      'with another state beside its own',
      ({ state }) => `state=${state}&state=${'A'.repeat(43)}&code=${CODE}`,
      'callback-invalid',
    ],
    ['with two errors', ({ state }) => `state=${state}&error=access_denied&error=server_error`, 'callback-invalid'],
    ['with an empty code', ({ state }) => `state=${state}&code=`, 'callback-invalid'],
    ['with a code too long', ({ state }) => `state=${state}&code=${'a'.repeat(2_001)}`, 'callback-invalid'],
    ['with a code in other letters', ({ state }) => `state=${state}&code=%F0%9F%94%91`, 'callback-invalid'],
    ['with a line break in the code', ({ state }) => `state=${state}&code=a%0D%0Ab`, 'callback-invalid'],
    [
      'with a query too long',
      ({ state }) => `state=${state}&code=${CODE}&padding=${'a'.repeat(8_000)}`,
      'callback-invalid',
    ],
    ['with an error of the provider’s', ({ state }) => `state=${state}&error=server_error`, 'provider-error'],
    [
      'with an error that is markup',
      ({ state }) => `state=${state}&error=${encodeURIComponent('<b onclick=alert(1)>')}`,
      'provider-error',
    ],
  ])('%s is rejected, and the attempt stays open', async (_case, queryOf, code) => {
    const begun = await anAttempt();
    const answer = await visit(queryOf(begun));
    expectPage(answer, PROBLEMS[code as keyof typeof PROBLEMS].status, code);
    expect(answer.text).not.toContain('alert');
    expect(handedOver(begun)).toEqual([]);
    expectPage(await visit({ state: begun.state, code: CODE }), 200);
  });

  it.each([
    ['without the company that QuickBooks sends', ''],
    ['with a company that is no number', '&realmId=..%2Fadmin'],
    ['with two companies', '&realmId=1&realmId=2'],
  ])('%s is rejected, and the attempt stays open', async (_case, more) => {
    const begun = await anAttempt('quickbooks');
    const answer = await visit(`state=${begun.state}&code=${CODE}${more}`, { provider: 'quickbooks' });
    expectPage(answer, 400, 'callback-invalid');
    expect(handedOver(begun)).toEqual([]);
    expectPage(await visit({ state: begun.state, code: CODE, realmId: '1' }, { provider: 'quickbooks' }), 200);
  });

  it('on another provider’s path is rejected, and the attempt stays open', async () => {
    const begun = await anAttempt();
    expectPage(await visit({ state: begun.state, code: CODE }, { provider: 'stripe' }), 400, 'callback-other-provider');
    expect(handedOver(begun)).toEqual([]);
    expectPage(await visit({ state: begun.state, code: CODE }), 200);
  });

  it.each(['paypal', 'Square', '..%2f'])('of a provider called %s is not found', async (provider) => {
    expectPage(await visit({ state: 'A'.repeat(43), code: CODE }, { provider }), 404, 'provider-not-found');
  });

  it.each(['not-an-attempt', 'A'.repeat(32), '0'.repeat(32), '%00'])(
    'for the attempt %s is not found',
    async (attempt) => {
      expectPage(
        await api().send('GET', `/oauth/attempts/${attempt}`, { token: null }),
        404,
        'authorization-not-found',
      );
    },
  );
});

describe('a state', () => {
  it('works once', async () => {
    const begun = await anAttempt();
    await visit({ state: begun.state, code: CODE });
    const again = await visit({ state: begun.state, code: CODE });
    expectPage(again, 409, 'authorization-used');
    expect(again.text).toContain('It has made the connection: there is nothing left to do here.');
    expectPage(await visit({ state: begun.state, error: 'access_denied' }), 409, 'authorization-used');
    expect(handedOver(begun)).toHaveLength(1);
  });

  it('of many concurrent visits is accepted for one', async () => {
    const begun = await anAttempt();
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) => visit({ state: begun.state, code: `${CODE}${index}` })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(9).fill(409)]);
    expect(handedOver(begun)).toHaveLength(1);
  });

  it.each([
    ['expired', 410, 'authorization-expired'],
    ['cancelled', 409, 'authorization-cancelled'],
  ] as const)('of an attempt that has %s is answered with that', async (code, status, problem) => {
    const begun = await anAttempt();
    api().connectionGateway.finish(begun.attempt, 'ended', {
      outcome: 'refused',
      connectionId: begun.connectionId as never,
      code,
    });
    expectPage(await visit({ state: begun.state, code: CODE }), status, problem);
    expect(handedOver(begun)).toEqual([]);
  });

  it('of an attempt that was terminated from outside is answered with that', async () => {
    const begun = await anAttempt();
    api().connectionGateway.finish(begun.attempt, 'failed', null);
    expectPage(await visit({ state: begun.state, code: CODE }), 500, 'authorization-failed');
  });

  it.each<[string, Readonly<Record<string, string>>]>([
    ['a browser that fetches ahead', { 'sec-purpose': 'prefetch;prerender' }],
    ['an older browser that fetches ahead', { purpose: 'prefetch' }],
    ['a browser that draws a preview', { 'x-purpose': 'preview' }],
    ['a frame in another page', { 'sec-fetch-dest': 'iframe' }],
    ['a picture in another page', { 'sec-fetch-dest': 'image' }],
  ])('is not used up by %s', async (_case, headers) => {
    const begun = await anAttempt();
    expectPage(await visit({ state: begun.state, code: CODE }, { headers }), 503, 'callback-not-visited');
    expect(handedOver(begun)).toEqual([]);
    expectPage(await visit({ state: begun.state, code: CODE }, { headers: { 'sec-fetch-dest': 'document' } }), 200);
  });

  it.each(['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'])('is not used up by %s', async (method) => {
    const begun = await anAttempt();
    const answer = await visit({ state: begun.state, code: CODE }, { method });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET']);
    expect(handedOver(begun)).toEqual([]);
  });
});
