import { cpuSeconds, peakMib } from './cpu-time.ts';
import { withFolder, withSystem } from './system.ts';
import { Venue } from './venue.ts';
const rate = Number(process.argv[2] ?? 100);
await withFolder((home) => withSystem({ home, requestsPerSecond: rate }, async ({ api, stripe, pids }) => {
  const { id: account, secretKey } = await stripe.addAccount();
  await stripe.seed({ resource: 'customers', account, count: 10000 });
  console.log('ready', peakMib(pids.worker));for (let i = 0; i < 2; i++) {
    await stripe.limits({ latencyMs: 0 });
    const venue = await Venue.create(api, secretKey);
    await stripe.limits({ latencyMs: 100, requestsPerSecond: rate });
    const cpu0 = cpuSeconds(pids);
    const run = await venue.sync({ direction: 'pull', limitMs: 100000 });
    const calls = await stripe.calls(run.startedAtMs);
    const h: Record<string, number> = {};
    for (const c of calls) { const k = (Math.floor((c.at - run.startedAtMs) / 250) / 4).toFixed(2); h[k] = (h[k] ?? 0) + 1; }
    console.log(run.wallS, calls.length, JSON.stringify(h), calls.map((c) => c.path.slice(0, 30)).filter((p) => !p.startsWith('/v1/customers')).join());
    const cpu1 = cpuSeconds(pids); console.log(Object.fromEntries(Object.keys(cpu0).map((k) => [k, +((cpu1[k] ?? 0) - (cpu0[k] ?? 0)).toFixed(2)])), peakMib(pids.worker));
  }
}));
