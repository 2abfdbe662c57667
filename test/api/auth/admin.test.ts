import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { aToken, createApiWorld } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';

let api: ApiWorld;
beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());

const rotate = (options = {}) => api.send('POST', '/v1/admin/keys/rotate', options);

it('a rotation returns a job that can be read under its Location, and is returned again while it is open', async () => {
  const first = await rotate();
  expect(first).toMatchObject({
    status: 202,
    json: {
      kind: 'rotate-vault-keys',
      phase: 'queued',
      outcome: null,
      requestedBy: 'tester',
      targetKey: expect.stringMatching(/^key-/) as string,
    },
  });
  expect(first.headers.get('location')).toBe(`/v1/admin/jobs/${first.json.id}`);
  expect((await api.send('GET', `/v1/admin/jobs/${first.json.id}`)).json).toEqual(first.json);
  expect((await rotate()).json.id).toBe(first.json.id);
});

it('a rotation whose workflow could not be started is started by the next request', async () => {
  api.gateway.away = true;
  const refused = await rotate();
  api.gateway.away = false;
  expect(refused).toMatchObject({ status: 503, json: { code: 'temporal-unavailable' } });
  const { json } = await rotate();
  expect(api.gateway.jobs.at(-1)).toBe(json.id);
});

it.each([
  ['POST', '/v1/admin/keys/rotate'],
  ['GET', `/v1/admin/jobs/${uuidv7()}`],
])('%s %s is refused to an administrator of some venues', async (method, path) => {
  const token = await aToken({ venues: [await api.aVenue()] });
  expect(await api.send(method, path, { token })).toMatchObject({ status: 403, json: { code: 'forbidden' } });
});

it('a job that does not exist is 404', async () => {
  expect(await api.send('GET', `/v1/admin/jobs/${uuidv7()}`)).toMatchObject({
    status: 404,
    json: { code: 'job-not-found' },
  });
});
