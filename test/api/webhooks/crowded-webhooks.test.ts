import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InboxStore } from '../../../db/webhooks/inbox-store.ts';
import { registry } from '../../../telemetry/metrics.ts';
import { createApiWorld } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';
import { anAccount, providers, revocation, signed } from './webhook-deliveries.ts';

let api: ApiWorld;
/** Statements wait for it. */
let gate = Promise.withResolvers<undefined>();
/** How many events each statement stored. */
const statements: number[] = [];

beforeAll(async () => {
  gate.resolve(undefined);
  const inbox: Pick<InboxStore, 'keep'> = {
    async keep(events) {
      statements.push(events.length);
      await gate.promise;
      return events.map(() => false);
    },
  };
  api = await createApiWorld({ providers: providers(), deps: { inbox: inbox as InboxStore } });
});
afterAll(() => api.close());

/** Posts an event, padded to a size, and answers with the status. */
function post(bytes: number, { chunked = false } = {}): Promise<number> {
  const event = revocation('square', anAccount('square'));
  const body = Buffer.from(event + ' '.repeat(Math.max(0, bytes - event.length)));
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        port: api.port,
        path: '/webhooks/square',
        method: 'POST',
        agent: false,
        headers: {
          'content-type': 'application/json',
          ...signed('square', body),
          ...(chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': body.length }),
        },
      },
      (response) => {
        response.resume().on('end', () => {
          resolve(response.statusCode ?? 0);
        });
      },
    ).on('error', reject);
    sent.end(body);
  });
}

/** Sends all while no statement ends, then lets them end. */
async function whileHeld(deliveries: readonly (() => Promise<number>)[], refused: number): Promise<readonly number[]> {
  gate = Promise.withResolvers();
  statements.length = 0;
  const answered: number[] = [];
  const all = deliveries.map(async (deliver) => {
    const status = await deliver();
    answered.push(status);
    return status;
  });
  await expect.poll(() => answered.length, { timeout: 20_000 }).toBe(refused);
  await expect.poll(atWork, { timeout: 20_000 }).toBe(deliveries.length - refused);
  gate.resolve(undefined);
  return Promise.all(all);
}

/** Deliveries that hold a slot. */
async function atWork(): Promise<number> {
  const text = await registry.getSingleMetricAsString('interlock_pool_in_use');
  return [...text.matchAll(/webhook-deliveries"\} (\d+)/g)].reduce((sum, [, inUse]) => sum + Number(inUse), 0);
}
const times = (count: number, deliver: () => Promise<number>) => Array.from({ length: count }, () => deliver);
const count = (statuses: readonly number[], status: number) => statuses.filter((one) => one === status).length;

describe('a burst of deliveries', () => {
  it('of usual events is accepted whole, in few statements', async () => {
    const statuses = await whileHeld(
      times(120, () => post(0)),
      0,
    );
    expect(count(statuses, 200)).toBe(120);
    expect(statements.reduce((sum, events) => sum + events, 0)).toBe(120);
    expect(statements.length).toBeLessThan(60);
  });

  it.each<[string, () => Promise<number>]>([
    ['large events', () => post(100_000)],
    ['events that announce no size', () => post(0, { chunked: true })],
  ])('of %s is bounded, and refuses none of the usual size', async (_case, deliver) => {
    const statuses = await whileHeld([...times(50, deliver), ...times(10, () => post(0))], 10);
    expect([count(statuses, 200), count(statuses, 503)]).toEqual([50, 10]);
  });
});
