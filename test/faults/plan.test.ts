import { describe, expect, it } from 'vitest';
import { drawEpisode, drawRound, KILLED, PROVIDER_FAULTS } from './plan.ts';

const SEEDS = [0, 1, 7, 4_242, 2 ** 31 - 1];
const KILLS = 20;

describe('an episode of the fault suite', () => {
  it.each(SEEDS)('is the same each time for seed %i, and differs by index', (seed) => {
    const first = drawEpisode(seed, 0, KILLS);
    expect(drawEpisode(seed, 0, KILLS)).toEqual(first);
    expect(drawEpisode(seed, 1, KILLS)).not.toEqual(first);
    expect(drawRound(first.venues[0]!, 1)).toEqual(drawRound(first.venues[0]!, 1));
  });

  it.each(SEEDS)('for seed %i kills each process equally often and has each provider fault twice', (seed) => {
    const { kills, venues } = drawEpisode(seed, 0, KILLS);
    for (const service of KILLED)
      expect(kills.filter((kill) => kill.service === service)).toHaveLength(KILLS / KILLED.length);
    const names = venues.flatMap(({ faults }) => faults.map(({ name }) => name));
    for (const name of Object.keys(PROVIDER_FAULTS))
      expect(
        names.filter((planned) => planned === name),
        name,
      ).toHaveLength(2);
  });

  it('covers every clock difference within five episodes', () => {
    const skews = [0, 1, 2, 3, 4].map((index) => drawEpisode(99, index, KILLS).clockSkewMs);
    expect(new Set(skews).size).toBe(5);
  });

  it('changes so few records a round that no run waits for approval', () => {
    for (const seed of SEEDS)
      for (const venue of drawEpisode(seed, 0, KILLS).venues)
        expect(drawRound(venue, 1).removed).toBeLessThanOrEqual(20);
  });
});
