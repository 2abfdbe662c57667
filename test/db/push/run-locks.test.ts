import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RecordId } from '../../../contracts/ids.ts';
import type { SyncConnectionInput } from '../../../contracts/sync.ts';
import { createDisconnectionStore } from '../../../db/connections/disconnection-store.ts';
import { createPushStore } from '../../../db/push/push-store.ts';
import { SupersededError } from '../../../db/runs/run-scope.ts';
import type { RunScope } from '../../../db/runs/run-scope.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';

/** Longer than a statement takes that waits for no lock. */
const UNHINDERED_MS = 300;

let world: Awaited<ReturnType<typeof createSyncWorld>>;
beforeAll(async () => {
  world = await createSyncWorld();
});
afterAll(() => world.close());

let input: SyncConnectionInput;
let scope: RunScope;
let recordIds: readonly RecordId[];
beforeEach(async () => {
  const venue = await world.aVenue();
  await world.load(venue, 2);
  input = await world.open(venue, 'push', 'full');
  const { fence, account } = await world.progress.takeOver(input, null);
  scope = { ...input, fence, account };
  const rows = await world.database.admin<
    { id: RecordId }[]
  >`select id from customers where venue_id = ${input.venueId}`;
  recordIds = rows.map(({ id }) => id);
});

/** Runs `work` while another transaction holds the run's row, and waits for its end. */
async function whileHeld<Result>(
  strength: 'no key update' | 'key share',
  work: (release: () => void) => Promise<Result>,
): Promise<Result> {
  const { promise: released, resolve: release } = Promise.withResolvers<undefined>();
  const { promise: held, resolve: hold } = Promise.withResolvers<undefined>();
  const holding = world.database.admin.begin(async (tx) => {
    await tx.unsafe(`select from sync_runs where id = $1 for ${strength}`, [input.syncId]);
    hold(undefined);
    await released;
  });
  await held;
  try {
    return await work(() => {
      release(undefined);
    });
  } finally {
    release(undefined);
    await holding;
  }
}

/** Whether the step has ended before the lock is released; it has to end afterwards. */
async function endsBeforeRelease(step: Promise<unknown>, release: () => void): Promise<boolean> {
  const early = await Promise.race([step.then(() => true), sleep(UNHINDERED_MS, false)]);
  release();
  await step;
  return early;
}

const markOf = (scopeOf: RunScope) =>
  createPushStore(world.database.db, RECORD_KINDS).markPending(scopeOf, recordIds, { attempt: 1 });

describe('a mark of a batch that is about to be sent', () => {
  it.each(['no key update', 'key share'] as const)(
    'does not wait for another commit of its run, which holds the run for %s',
    async (strength) => {
      expect(await whileHeld(strength, (release) => endsBeforeRelease(markOf(scope), release))).toBe(true);
    },
  );

  it('is refused once another attempt has taken the run over', async () => {
    await world.progress.takeOver(input, null);
    await expect(markOf(scope)).rejects.toThrow(SupersededError);
    const links = await world.database.admin`select from record_links where connection_id = ${input.connectionId}`;
    expect(links).toHaveLength(0);
  });
});

describe('a step that takes a run away from an attempt', () => {
  const disconnections = () => createDisconnectionStore(world.database.db, world.audit, RECORD_KINDS);

  it.each([
    ['takes it over', () => world.progress.takeOver(input, null)],
    ['ends it', () => world.finish(input, 'cancelled')],
    ['closes the runs of its connection', () => disconnections().closeRuns(input)],
  ])('%s after a mark at work has ended', async (_, take) => {
    expect(await whileHeld('key share', (release) => endsBeforeRelease(take(), release))).toBe(false);
    await expect(markOf(scope)).rejects.toThrow(SupersededError);
  });
});
