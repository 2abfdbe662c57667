import { load, round } from './support/report.ts';
import { withFolder, withSystem } from './support/system.ts';
import { Venue } from './support/venue.ts';
import type { Row } from './support/report.ts';

export interface CrowdOptions {
  readonly syncs: number;
  readonly records: number;
  readonly latencyMs: number;
  readonly rate: number;
}

const LIMIT_MS = 600_000;

/** Measures one venue's full pull alone, then concurrent pulls of many venues, each with its own account. */
export async function benchCrowd({ syncs, records, latencyMs, rate }: CrowdOptions): Promise<readonly Row[]> {
  return withFolder((home) =>
    withSystem({ home, requestsPerSecond: rate }, async ({ api, stripe }) => {
      const venues: Venue[] = [];
      for (let index = 0; index <= syncs; index += 1) {
        const { id, secretKey } = await stripe.addAccount();
        await stripe.seed({ resource: 'customers', count: records, account: id });
        venues.push(await Venue.create(api, secretKey));
      }
      await stripe.limits({ latencyMs, requestsPerSecond: rate });
      const [single, ...crowd] = venues;
      const alone = (await single?.sync({ direction: 'pull', limitMs: LIMIT_MS }))?.wallS ?? NaN;
      const loadAlone = load();
      const runs = await Promise.all(crowd.map((venue) => venue.sync({ direction: 'pull', limitMs: LIMIT_MS })));
      const incomplete = runs.filter(({ counts }) => counts.created !== records).length;
      if (incomplete > 0) throw new Error(`${incomplete} of the pulls are not complete`);
      const slowest = Math.max(...runs.map(({ wallS }) => wallS));
      return [
        {
          what: `pull ${records} at ${rate}/s alone`,
          seconds: round(alone),
          rowsPerSecond: Math.round(records / alone),
          load: loadAlone,
          goal: null,
          met: null,
        },
        {
          what: `${syncs} at once`,
          seconds: round(slowest),
          fastestS: round(Math.min(...runs.map(({ wallS }) => wallS))),
          rowsPerSecond: Math.round((records * syncs) / slowest),
          load: load(),
          goal: null,
          met: null,
        },
      ];
    }),
  );
}
