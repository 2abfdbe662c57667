import { expect, it } from 'vitest';
import { aXero } from './xero-support.ts';

it('refuses a sixth request at once, without saying when the next may come', async () => {
  const { organisation, control } = await aXero();
  await control.limits({ requestsAtOnce: 5, latencyMs: 200 });
  const answers = await Promise.all(Array.from({ length: 6 }, () => organisation.ask('GET', 'Contacts')));
  const [refused, ...others] = answers.filter(({ status }) => status === 429);
  expect(others).toEqual([]);
  expect(refused?.headers.get('x-rate-limit-problem')).toBe('concurrent');
  expect(refused?.headers.get('retry-after')).toBeNull();
  expect((await organisation.ask('GET', 'Contacts')).status).toBe(200);
});
