import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { VenueShares } from '../../domain/limits/venue-shares.ts';
import { LIMITS, countLimit, countRefusal, watchPool } from '../../telemetry/metrics.ts';
import { startInternalServer } from '../../telemetry/metrics-server.ts';

async function serve() {
  const server = startInternalServer({ host: '127.0.0.1', port: 0 }, { '/health/ready': () => 503 });
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, metrics: async () => (await fetch(`${url}/metrics`)).text() };
}

it('shows every limit from 0 on, and counts each time that one rejects or cuts something', async () => {
  const { metrics } = await serve();
  for (const limit of LIMITS)
    expect(await metrics()).toMatch(new RegExp(`^interlock_limits_total\\{limit="${limit}"\\} \\d+$`, 'm'));
  const countOf = async () =>
    Number(/^interlock_limits_total\{limit="page-cut"\} (\d+)$/m.exec(await metrics())?.[1] ?? Number.NaN);
  const before = await countOf();
  countLimit('page-cut');
  expect(await countOf()).toBe(before + 1);
});

it('shows how a pool stands: who holds slots, who waits, and who got none', async () => {
  const { metrics } = await serve();
  const shares = new VenueShares<string>({ total: 2, perVenue: 1 });
  watchPool('atomic-loads', shares);
  const release = shares.tryTake('a');
  expect(shares.tryTake('a')).toBeNull();
  const waiting = shares.take('a', 60_000);
  const shown = await metrics();
  for (const line of ['in_use', 'waiting', 'refused'].map((name) => `interlock_pool_${name}{pool="atomic-loads"} 1`))
    expect(shown).toContain(line);
  release?.();
  (await waiting)?.();
  expect(await metrics()).toContain('interlock_pool_in_use{pool="atomic-loads"} 0');
  expect(await shares.take('a', 0).then((taken) => taken !== null)).toBe(true);
  expect(await shares.take('a', 1)).toBeNull();
  expect(await metrics()).toContain('interlock_pool_refused{pool="atomic-loads"} 2');
});

it('has labels of a fixed set of words only: nothing of a venue, a caller or an address', async () => {
  const { metrics } = await serve();
  countRefusal('not-found');
  const labels = [...(await metrics()).matchAll(/^interlock_\w+\{([^}]*)\}/gm)].map(([, text = '']) => text);
  expect(labels.length).toBeGreaterThan(LIMITS.length);
  const known =
    /^((limit|code|pool|lane|provider|environment|scope|source|state|outcome|call_class|window)="[a-z-]+"(,|$))+$/;
  expect(labels.filter((label) => !known.test(label))).toEqual([]);
});

it('shows the process itself, and answers probes beside, and nothing else', async () => {
  const { url, metrics } = await serve();
  expect(await metrics()).toMatch(/^process_resident_memory_bytes \d+/m);
  expect(await metrics()).toMatch(/^nodejs_eventloop_lag_seconds /m);
  expect((await fetch(`${url}/health/ready`)).status).toBe(503);
  for (const path of ['/', '/metrics/', '/health/live', '/__proto__'])
    expect((await fetch(url + path)).status).toBe(404);
  expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(404);
});
