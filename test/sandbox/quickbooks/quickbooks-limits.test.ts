import { expect, it } from 'vitest';
import { aQuickBooks, queryPath } from './quickbooks-support.ts';

const CUSTOMERS = queryPath('select * from Customer');

it('refuses an eleventh request of a second, and takes it in the next', async () => {
  const { company, control } = await aQuickBooks();
  await control.limits({ requestsPerSecond: 10 });
  const ask = async () => (await company.ask('GET', CUSTOMERS)).status;
  const statuses = await Promise.all(Array.from({ length: 11 }, ask));
  expect(statuses.filter((status) => status === 429)).toHaveLength(1);
  await control.clock(1_100);
  expect(await ask()).toBe(200);
});

it('refuses an eleventh request at once', async () => {
  const { company, control } = await aQuickBooks();
  await control.limits({ requestsAtOnce: 10, latencyMs: 200 });
  const statuses = await Promise.all(
    Array.from({ length: 11 }, async () => (await company.ask('GET', CUSTOMERS)).status),
  );
  expect(statuses.filter((status) => status === 429)).toHaveLength(1);
  expect((await company.ask('GET', CUSTOMERS)).status).toBe(200);
});
