import { readFileSync } from 'node:fs';
import { withFolder, withSystem } from './system.ts';
import { Venue } from './venue.ts';
const rate = Number(process.argv[2] ?? 100);
await withFolder((home) => withSystem({ home, requestsPerSecond: rate }, async ({ api, stripe }) => {
  const { id: account, secretKey } = await stripe.addAccount();
  await stripe.seed({ resource: 'customers', account, count: 10000 });
  for (let i = 0; i < 2; i++) {
    await stripe.limits({ latencyMs: 0 });
    const venue = await Venue.create(api, secretKey);
    await stripe.limits({ latencyMs: 100, requestsPerSecond: rate });
    const cpu0 = readFileSync('/proc/stat','utf8').split('\n')[0];
    const run = await venue.sync({ direction: 'pull', limitMs: 100000 });
    const calls = await stripe.calls(run.startedAtMs);
    const h: Record<string, number> = {};
    for (const c of calls) { const k = (Math.floor((c.at - run.startedAtMs) / 250) / 4).toFixed(2); h[k] = (h[k] ?? 0) + 1; }
    console.log(run.wallS, calls.length, JSON.stringify(h), calls.map((c) => c.path.slice(0, 30)).filter((p) => !p.startsWith('/v1/customers')).join());
    console.log(cpu0, '\n', readFileSync('/proc/stat','utf8').split('\n')[0]);
  }
}));
