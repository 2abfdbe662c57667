import { parkingFor as parkingForReal } from '../../domain/parking.ts';
import type { Parking } from '../../domain/parking.ts';

export { waitMs } from '../../domain/parking.ts';

/** A minute passes in a millisecond. */
export const SCALE = 60_000;

/** What `domain/parking.ts` says, with the clock turned up: a test bundles it in the place of that file. */
export function parkingFor(failureType: string): Parking | null {
  const real = parkingForReal(failureType);
  return (
    real && {
      ...real,
      firstWaitMs: real.firstWaitMs / SCALE,
      longestWaitMs: real.longestWaitMs / SCALE,
      givesUpAfterMs: real.givesUpAfterMs / SCALE,
    }
  );
}
