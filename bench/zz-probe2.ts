import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { withFolder, withSystem } from './system.ts';
await withFolder((home) => withSystem({ home, requestsPerSecond: 100 }, async ({ pids }) => {
  const show = () => console.log(readFileSync(`/proc/${pids.worker}/status`,'utf8').split('\n').filter((l)=>/VmHWM|Rss|Threads/.test(l)).join(' '));
  show(); await sleep(5000); show();
  const maps = readFileSync(`/proc/${pids.worker}/smaps`,'utf8'); let name=''; const m: Record<string,number>={};
  for (const l of maps.split('\n')) { const h=/^[0-9a-f]+-[0-9a-f]+ (\S+) \S+ \S+ \S+\s*(.*)$/.exec(l); if(h) name=(h[2]||'anon '+h[1]); const r=/^Rss:\s+(\d+)/.exec(l); if(r) m[name]=(m[name]??0)+Number(r[1]); }
  console.log(Object.entries(m).sort((a,b)=>b[1]-a[1]).slice(0,12));
}));
