import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lastDays } from '../../../domain/reconciliation/business-days.ts';
import { aToken, createApiWorld } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';

const DAY_MS = 86_400_000;

let api: ApiWorld;
/** Moves the API's clock. */
let daysLater = 0;
beforeAll(async () => {
  api = await createApiWorld({ deps: { clock: () => new Date(Date.now() + daysLater * DAY_MS) } });
});
afterAll(() => api.close());

describe('a request whose rule depends on the day', () => {
  it('is answered as before when it is repeated with its Idempotency-Key, and refused anew without', async () => {
    const venueId = await api.aVenue();
    const connectionId = await api.aConnection(venueId);
    // The last day is left out: yesterday, which moves along. 31 days are the most.
    const { from } = lastDays('Europe/Berlin', new Date(), 31);
    const start = async (headers: Readonly<Record<string, string>>) =>
      api.send('POST', `/v1/venues/${venueId}/reconciliations`, {
        json: { connectionId, from },
        headers,
        token: await aToken({ expiresInS: (daysLater * DAY_MS) / 1_000 + 600 }),
      });
    const headers = { 'idempotency-key': 'of a day' };
    const first = await start(headers);
    expect(first.status, first.text).toBe(202);
    daysLater = 3;
    const again = await start(headers);
    expect([again.status, again.text, again.headers.get('idempotency-replayed')]).toEqual([202, first.text, 'true']);
    expect(await start({})).toMatchObject({ status: 400, json: { errors: [{ path: 'from' }] } });
    // A bad key has nothing stored: the rule is told beside it.
    expect((await start({ 'idempotency-key': 'x'.repeat(256) })).json.errors.map(({ path }) => path).sort()).toEqual([
      'Idempotency-Key',
      'from',
    ]);
  });
});
