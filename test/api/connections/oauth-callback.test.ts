import { describe, expect, it } from 'vitest';
import { PROBLEMS } from '../../../api/errors/problems.ts';
import type { AuthorizationRefusal } from '../../../contracts/connections.ts';
import { AUTHORIZATION_REFUSALS } from '../../../contracts/connections.ts';
import { createApiWorld, PUBLIC_URL, RETURN_URL } from '../api-world.ts';
import { CODE, createVisitors, expectPage } from './callback-visitors.ts';
import type { Begun } from './callback-visitors.ts';

const { api, anAttempt, visit, handedOver, browser } = createVisitors();

const refuseAll = (code: AuthorizationRefusal) => {
  api().connectionGateway.end = ({ connectionId }) => ({ outcome: 'refused', connectionId, code });
};

describe('an account owner who returns from the provider', () => {
  it('sees that the account is connected, and the code is passed on sealed', async () => {
    const begun = await anAttempt();
    const answer = await visit({ state: begun.state, code: CODE, response_type: 'code' });
    expectPage(answer, 200);
    expect(answer.text).toContain('Square is connected');
    expect(answer.text).toContain(begun.connectionId);
    const [handed] = handedOver(begun);
    expect(handed?.callback).toMatchObject({ kind: 'approved' });
    expect(JSON.stringify(handed)).not.toContain(CODE);
    expect(answer.text + JSON.stringify([...answer.headers])).not.toContain(CODE);
    expect(answer.text).not.toContain(begun.state);
  });

  it.each([
    ['name', 'Corner <Café>', 'Corner &lt;Café&gt;'],
    ['id where it has no name', null, 'MLB1'],
  ])('sees which venue has gained access to which account, by its %s', async (_case, name, shown) => {
    const begun = await anAttempt();
    await api().database
      .admin`update connections set state = 'active', external_account_id = 'MLB1', account_name = ${name} where id = ${begun.connectionId}`;
    await api().database
      .admin`update venues set name = 'Harbour & Sons' where id = (select venue_id from connections where id = ${begun.connectionId})`;
    const names = `The venue “Harbour &amp; Sons” at Interlock has gained access to the Square account “${shown}”.`;
    const first = await visit({ state: begun.state, code: CODE });
    expectPage(first, 200);
    expect(first.text).toContain(names);
    const looked = await browser.visit(`${PUBLIC_URL}/oauth/attempts/${begun.attempt}`);
    expect(await looked.text()).toContain(names);
    // A person who has only the attempt's id, as Temporal's list of workflows shows it, is not told the account.
    const stranger = await api().send('GET', `/oauth/attempts/${begun.attempt}`, { token: null });
    expectPage(stranger, 200);
    expect(stranger.text).not.toContain('Harbour');
  });

  it('sees that it takes longer, on a page that reloads itself and then shows the outcome', async () => {
    api().connectionGateway.end = null;
    const begun = await anAttempt();
    const answer = await visit({ state: begun.state, code: CODE });
    expectPage(answer, 202);
    const [, path] =
      /<meta http-equiv="refresh" content="3;url=(\/oauth\/attempts\/[0-9a-f]{32})">/.exec(answer.text) ?? [];
    const look = () => api().send('GET', path ?? '', { token: null });
    expectPage(await look(), 202);
    api().connectionGateway.finish(begun.attempt, 'ended', {
      outcome: 'connected',
      connectionId: begun.connectionId as never,
    });
    const end = await look();
    expectPage(end, 200);
    expect(end.text).not.toContain('refresh');
    api().connectionGateway.finish(begun.attempt, 'failed', null);
    expectPage(await look(), 500, 'authorization-failed');
  });

  it.each(AUTHORIZATION_REFUSALS)('who was refused for %s sees why, with its code and status', async (reason) => {
    refuseAll(reason);
    const begun = await anAttempt();
    const answer = await visit({ state: begun.state, code: CODE });
    const code = /Code: ([a-z-]+)</.exec(answer.text)?.[1] ?? '';
    expect(Object.keys(PROBLEMS)).toContain(code);
    expectPage(answer, PROBLEMS[code as keyof typeof PROBLEMS].status, code);
    expect(answer.text).toContain('Square was not connected');
  });

  it('who has denied access sees that, and the attempt is over', async () => {
    const begun = await anAttempt();
    expectPage(
      await visit({ state: begun.state, error: 'access_denied', error_description: 'user_denied' }),
      403,
      'authorization-denied',
    );
    expect(handedOver(begun)).toEqual([{ attempt: begun.attempt, callback: { kind: 'denied' } }]);
    expectPage(await visit({ state: begun.state, code: CODE }), 409, 'authorization-used');
  });

  it('has the company passed along with QuickBooks, and with no other provider', async () => {
    const intuit = await anAttempt('quickbooks');
    await visit({ state: intuit.state, code: CODE, realmId: '9341453' }, { provider: 'quickbooks' });
    expect(handedOver(intuit)[0]?.callback).toMatchObject({ kind: 'approved', parameters: { realmId: '9341453' } });
    const square = await anAttempt();
    await visit({ state: square.state, code: CODE, realmId: '9341453' });
    expect(handedOver(square)[0]?.callback).not.toHaveProperty('parameters');
  });

  it('still connects after a restart of the API: nothing of the attempt was in its memory', async () => {
    const begun = await anAttempt();
    await api().restart();
    expectPage(await visit({ state: begun.state, code: CODE }), 200);
  });
});

describe('the redirect to a return URL', () => {
  async function goBack(query: Readonly<Record<string, string>>, begun: Begun): Promise<URL> {
    const response = await browser.visit(
      `${PUBLIC_URL}/oauth/square/callback?${new URLSearchParams({ ...query, state: begun.state }).toString()}`,
    );
    expect([response.status, response.headers.get('referrer-policy'), response.headers.get('cache-control')]).toEqual([
      303,
      'no-referrer',
      'no-store',
    ]);
    return new URL(response.headers.get('location') ?? '');
  }
  const begin = () => anAttempt('square', { returnUrl: `${RETURN_URL}?venue=7` });
  const parametersOf = (url: URL) => Object.fromEntries(url.searchParams);

  it('has the connection and the outcome, and nothing of the provider’s', async () => {
    const begun = await begin();
    const url = await goBack({ code: CODE }, begun);
    expect(`${url.origin}${url.pathname}`).toBe(RETURN_URL);
    expect(parametersOf(url)).toEqual({ venue: '7', connectionId: begun.connectionId, outcome: 'connected' });
  });

  it('has the code of a refusal', async () => {
    const begun = await begin();
    expect(parametersOf(await goBack({ error: 'access_denied' }, begun))).toEqual({
      venue: '7',
      connectionId: begun.connectionId,
      outcome: 'refused',
      code: 'authorization-denied',
    });
  });

  it('says pending when the exchange takes longer', async () => {
    api().connectionGateway.end = null;
    const begun = await begin();
    expect(parametersOf(await goBack({ code: CODE }, begun))).toEqual({
      venue: '7',
      connectionId: begun.connectionId,
      outcome: 'pending',
    });
  });

  it('names the connection that the account had before', async () => {
    const known = '019a0000-0000-7000-8000-000000000000' as never;
    api().connectionGateway.end = () => ({ outcome: 'connected', connectionId: known });
    expect(parametersOf(await goBack({ code: CODE }, await begin()))).toMatchObject({
      connectionId: known,
      outcome: 'connected',
    });
  });

  it('does not happen for a state that was used before, which ends on our page', async () => {
    const begun = await begin();
    await goBack({ code: CODE }, begun);
    expectPage(await visit({ state: begun.state, code: CODE }), 409, 'authorization-used');
  });
});

describe('an outage during a callback', () => {
  it.each([
    ['Temporal', 'away', 'temporal-unavailable'],
    ['every worker', 'noWorker', 'worker-unavailable'],
  ] as const)('of %s: the page says so and reloads itself, and nothing is lost', async (_who, fault, code) => {
    const begun = await anAttempt();
    api().connectionGateway[fault] = true;
    const answer = await visit({ state: begun.state, code: CODE });
    expectPage(answer, 503, code);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    // The same address, which is therefore not written into the page.
    expect(answer.text).toContain('<meta http-equiv="refresh" content="5">');
    api().connectionGateway[fault] = false;
    expectPage(await visit({ state: begun.state, code: CODE }), 200);
  });

  it('of the worker, which takes the callback after the visitor was told to wait: the reloaded page follows it to its end', async () => {
    const begun = await anAttempt();
    api().connectionGateway.lateWorker = true;
    expectPage(await visit({ state: begun.state, code: CODE }), 503, 'worker-unavailable');
    api().connectionGateway.lateWorker = false;
    const again = await visit({ state: begun.state, code: CODE });
    expectPage(again, 409, 'authorization-used');
    expect(again.text).toContain(`<meta http-equiv="refresh" content="3;url=/oauth/attempts/${begun.attempt}">`);
    expect(handedOver(begun)).toHaveLength(1);
  });
});

describe('what a callback leaves behind', () => {
  it('includes neither its query nor its code nor its state, in the log or the database, whatever the outcome', async () => {
    const before = api().logLines.length;
    const begun = await anAttempt();
    const { state } = begun;
    await visit({ state, code: CODE }, { provider: 'stripe' });
    await visit({ state, code: CODE }, { method: 'HEAD' });
    api().connectionGateway.noWorker = true;
    await visit({ state, code: CODE });
    api().connectionGateway.noWorker = false;
    await visit({ state, code: CODE });
    await visit({ state, code: CODE });
    await visit(`state=${state}&state=${state}&code=${CODE}`);
    const lines = api().logLines.slice(before);
    expect(lines.filter((line) => line.includes('"route":"/oauth/{provider}/callback"')).length).toBeGreaterThanOrEqual(
      6,
    );
    const { admin } = api().database;
    const rows =
      await admin`select to_jsonb(t)::text as row from audit_log t union all select to_jsonb(c)::text from connections c`;
    const seen = [...lines, ...rows.map(({ row }) => String(row))].join('\n');
    for (const secret of [CODE, state]) expect(seen).not.toContain(secret);
  });

  it('is rate-limited by the visitor’s address', async () => {
    const limited = await createApiWorld();
    try {
      const codes = new Set<number>();
      for (let round = 0; round < 13; round += 1) {
        const answers = await Promise.all(
          Array.from({ length: 50 }, () => limited.send('GET', '/oauth/square/callback?state=x', { token: null })),
        );
        for (const { status } of answers) codes.add(status);
      }
      expect([...codes].sort()).toEqual([404, 429]);
      const answer = await limited.send('GET', '/oauth/square/callback?state=x', { token: null });
      expectPage(answer, 429, 'rate-limited');
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    } finally {
      await limited.close();
    }
  });
});
