import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { VenueId } from '../../contracts/ids.ts';
import { createConnectionWorld } from '../support/worlds/connection-world.ts';
import type { ConnectionWorld } from '../support/worlds/connection-world.ts';

/** One world for the tests of a `describe`. Before each, `enter` is given it and a new venue; after each, no provider has a fault left. */
export function useConnectionWorld(enter: (world: ConnectionWorld, venueId: VenueId) => void): void {
  let world: ConnectionWorld;
  beforeAll(async () => {
    world = await createConnectionWorld();
  }, 120_000);
  beforeEach(async () => {
    enter(world, await world.aVenue());
  });
  afterEach(async () => {
    await Promise.all(Object.values(world.control).map((control) => control.clearFaults()));
  });
  afterAll(() => world.close());
}
