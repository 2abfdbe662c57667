export interface Draw {
  /** A number from 0 to below 1. */
  share(): number;
  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number;
  chance(probability: number): boolean;
  shuffled<T>(items: readonly T[]): readonly T[];
}

/**
 * Pseudo-random numbers that depend only on the seed and the stream (mulberry32). Streams of one seed are independent.
 */
export function drawing(seed: number, stream: number): Draw {
  let state = (seed + Math.imul(stream + 1, 0x9e37_79b9)) >>> 0;
  const share = (): number => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (least: number, most: number) => least + Math.floor(share() * (most - least + 1));
  return {
    share,
    between,
    chance: (probability) => share() < probability,
    shuffled(items) {
      const left = [...items];
      for (let last = left.length - 1; last > 0; last -= 1) {
        const other = between(0, last);
        [left[last], left[other]] = [left[other]!, left[last]!];
      }
      return left;
    },
  };
}
