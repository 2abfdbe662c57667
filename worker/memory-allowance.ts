import { setFlagsFromString } from 'node:v8';

/**
 * Resident memory, MiB: a smaller worker need not save, and a larger one holds more than saving could bring below 200.
 */
const SAVING = { aboveMib: 172, belowMib: 240 } as const;
/**
 * How far the heap may grow beyond what lives in it before it is looked through, percent: the less, the more time that takes. `free` is
 * what it is started with.
 */
const GROWTH = { free: 50, saving: 15 } as const;
const LOOK_EVERY_MS = 250;
const MIB = 2 ** 20;

/**
 * Keeps a worker that syncs one large account below 200 MiB however long that takes: near there the heap is looked through more often
 * (docs/decisions/0024). Ends with the process.
 */
export function keepWithinAllowance(): void {
  let growth: number = GROWTH.free;
  setInterval(() => {
    const mib = process.memoryUsage.rss() / MIB;
    const wanted = mib > SAVING.aboveMib && mib < SAVING.belowMib ? GROWTH.saving : GROWTH.free;
    if (wanted === growth) return;
    growth = wanted;
    // V8 reads this one anew whenever it decides how far the heap may grow.
    setFlagsFromString(`--heap-growing-percent=${growth}`);
  }, LOOK_EVERY_MS).unref();
}
