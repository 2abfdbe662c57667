import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { VenueId } from '../../contracts/ids.ts';
import { createConnectionWorld } from '../support/worlds/connection-world.ts';
import type { ConnectionWorld } from '../support/worlds/connection-world.ts';

/**
 * Shares one world among the tests of a `describe`. Before each test, `enter` gets it and a new venue; after each, all
 * provider faults are cleared.
 */
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
