import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AUTHENTICATION } from '../../api/openapi/openapi-text.ts';
import { until } from '../support/eventually.ts';
import { differences, fillIn, readExchanges } from '../support/http-example.ts';
import type { Exchange, Values } from '../support/http-example.ts';
import { startSystem } from '../support/worlds/system.ts';
import type { System } from '../support/worlds/system.ts';

const PAGE = readFileSync(new URL('../../docs/using-the-api.md', import.meta.url), 'utf8');

let system: System;
beforeAll(async () => {
  system = await startSystem();
}, 120_000);
afterAll(() => system.stop());

interface Got {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

async function send({ method, path, headers, body }: Exchange, values: Values): Promise<Got> {
  const response = await fetch(`${system.apiUrl}${fillIn(path, values)}`, {
    method,
    headers: {
      authorization: fillIn('Bearer {{token}}', values),
      ...(body !== null && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== null && { body: fillIn(body, values) }),
  });
  return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.json() };
}

describe('the worked example', () => {
  it('works request by request, from a venue to its second push', async () => {
    const account = await system.stripe.addAccount();
    const values: Values = new Map([
      ['token', system.token],
      ['secretKey', account.secretKey],
    ]);
    const exchanges = readExchanges(PAGE);
    expect(exchanges.length).toBeGreaterThan(9);
    let writes = 0;
    for (const exchange of exchanges) {
      const { method, path, answer } = exchange;
      let found: readonly string[] = [];
      const asShown = async () => {
        const got = await send(exchange, values);
        // Compares the body first, because the headers use its ids.
        found = [
          ...differences({ status: answer.status, body: answer.body }, got, values),
          ...differences(answer.headers, got.headers, values),
        ];
        return found.length === 0;
      };
      // Requests that only read are repeated until the run has come that far.
      const ends =
        method === 'GET'
          ? until(asShown, { limitMs: 30_000, what: `${path} answers as the page shows`, everyMs: 100 })
          : asShown();
      await ends.catch(() => undefined);
      expect(found, `${method} ${path}`).toEqual([]);
      if (path.endsWith('{{firstPush}}')) writes = (await account.writes()).length;
    }
    expect([writes, (await account.writes()).length]).toEqual([2, 2]);
    expect((await account.customers()).map(({ name }) => name).sort()).toEqual(['Ada Lovelace', 'Grace Hopper']);
  });
});

describe('the page', () => {
  it('describes the token as the OpenAPI document does', () => {
    expect(PAGE).toContain(AUTHENTICATION);
  });
});
