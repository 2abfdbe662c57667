import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registry } from '../../../telemetry/metrics.ts';
import { until } from '../../support/eventually.ts';
import { createApiWorld } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';
import { aSecret, endpointRequests } from './connection-endpoint-requests.ts';
import { providers } from './webhook-deliveries.ts';

let api: ApiWorld;
beforeAll(async () => {
  api = await createApiWorld({ providers: providers() });
});
afterAll(() => api.close());

const { aConnection, anAddress, enterSecret, sendStripe } = endpointRequests(() => api);

/** Refusals of a code, by provider; `''`: without one. */
async function refusals(code: string): Promise<Readonly<Record<string, number>>> {
  const { values } = await registry.getSingleMetric('interlock_refusals_total')!.get();
  return Object.fromEntries(
    values
      .filter(({ labels }) => labels['code'] === code)
      .map(({ labels, value }) => [labels['provider'] ?? '', value]),
  );
}

/** Waits until exactly this is counted, because a refusal is counted after its answer is sent. */
async function expectCounted(code: string, provider: string, send: () => Promise<{ status: number }>): Promise<void> {
  const before = await refusals(code);
  const { status } = await send();
  expect(status).toBeGreaterThanOrEqual(400);
  const expected = { ...before, [provider]: (before[provider] ?? 0) + 1 };
  await until(async () => (await refusals(code))[provider] === expected[provider], {
    limitMs: 20_000,
    what: `a refusal ${code} of ${provider || 'no provider'} is counted`,
  });
  expect(await refusals(code)).toEqual(expected);
}

describe('a refused delivery', () => {
  it.each(['stripe', 'square', 'quickbooks', 'xero'])('is counted for its provider: %s', async (provider) => {
    await expectCounted('webhook-not-signed', provider, () => api.raw('POST', `/webhooks/${provider}`, { json: {} }));
  });

  it('is counted for its provider at a connection’s own address too', async () => {
    const ref = await aConnection('stripe');
    const path = await anAddress(ref);
    await enterSecret(ref);
    await expectCounted('webhook-not-signed', 'stripe', () => sendStripe(path, aSecret()));
  });

  it('at the address of a provider that is none is counted without one, because anybody can make names up', async () => {
    await expectCounted('webhook-not-found', '', () => api.raw('POST', '/webhooks/a-made-up-name', { json: {} }));
  });

  it('is no more than other requests: these are counted without a provider', async () => {
    await expectCounted('provider-not-found', '', () => api.raw('GET', '/v1/integrations/nobody'));
  });
});
