import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSchedulingActivities } from '../../../activities/sync/schedules.ts';
import type { OpenScheduledRunResult } from '../../../contracts/sync.ts';
import { createAccountChoiceStore } from '../../../db/connections/account-choice-store.ts';
import type { AccountChoiceStore } from '../../../db/connections/account-choice-store.ts';
import type { OpenOptions } from '../../../providers/providers.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { createTestProviders } from '../../support/test-providers.ts';

let world: Awaited<ReturnType<typeof createSyncWorld>>;
let choices: AccountChoiceStore;
let venue: TestVenue;
/** What sessions were told, in order. */
const told: OpenOptions['accounts'][] = [];

beforeAll(async () => {
  world = await createSyncWorld({
    providersOn(budget, apiUrl) {
      const providers = createTestProviders({ stripe: { apiUrl, requestsPerSecond: 2_000 } }, budget);
      return {
        ...providers,
        open(provider, options) {
          told.push(options.accounts);
          return providers.open(provider, options);
        },
      };
    },
  });
  choices = createAccountChoiceStore(world.database.db);
}, 60_000);
afterAll(() => world.close());
beforeEach(async () => {
  venue = await world.aVenue();
  await choices.noteListed(
    venue,
    ['a', 'b', 'c'].map((id) => ({ id, name: id })),
  );
  told.length = 0;
});

/** The mode of the run that a schedule would begin now. */
async function scheduledMode() {
  const { openScheduledRun } = createSchedulingActivities(world);
  const input = {
    ...venue,
    provider: 'stripe',
    providerName: 'Stripe',
    resource: 'customers',
    direction: 'pull',
  } as const;
  const { run }: OpenScheduledRunResult = await world.aStage().run(openScheduledRun, input);
  if (!run) throw new Error('the schedule was skipped');
  await world.begin(run);
  await world.finish(run, 'cancelled');
  return run.mode;
}

describe('a run', () => {
  it('is told that all accounts are chosen until somebody chooses', async () => {
    await world.sync(venue, 'pull');
    expect(told).toEqual([null]);
  });

  it.each(['push', 'pull'] as const)('is told the chosen accounts: %s', async (direction) => {
    await choices.choose(venue, ['c', 'a']);
    await world.sync(venue, direction);
    expect(told).toEqual([['c', 'a']]);
  });

  it('keeps what it began with when the choice changes, also after a reset; the next run has the new choice', async () => {
    await choices.choose(venue, ['a']);
    const run = await world.open(venue, 'pull', 'full');
    await world.begin(run);
    await choices.choose(venue, ['b']);
    // As Temporal repeats the first step after a reset.
    await world.begin(run);
    expect((await world.chunk(run)).status).toBe('done');
    await world.finish(run);
    await world.sync(venue, 'pull', 'incremental');
    expect(told).toEqual([['a'], ['b']]);
  });

  it('that has not begun has what is chosen when it begins', async () => {
    await choices.choose(venue, ['a']);
    const run = await world.open(venue, 'pull', 'full');
    await choices.choose(venue, null);
    await world.begin(run);
    await world.chunk(run);
    await world.finish(run);
    expect(told).toEqual([null]);
  });

  it('is not told what another connection has chosen', async () => {
    const other = await world.aVenue();
    await choices.choose(venue, ['a']);
    await world.sync(other, 'pull');
    expect(told).toEqual([null]);
    expect(await choices.find({ ...other, connectionId: venue.connectionId })).toBe(null);
  });
});

describe('the next scheduled pull', () => {
  it('is a full pass after another choice, since what was not chosen has a past, and not after the same', async () => {
    await world.sync(venue, 'pull');
    expect(await scheduledMode()).toBe('incremental');
    await choices.choose(venue, ['a', 'b']);
    await passTheRetryPause();
    expect(await scheduledMode()).toBe('full');
    await world.sync(venue, 'pull');
    await choices.choose(venue, ['b', 'a']);
    await passTheRetryPause();
    expect(await scheduledMode()).toBe('incremental');
  });

  it('is a full pass where another choice was made while the last one ran', async () => {
    const run = await world.open(venue, 'pull', 'full');
    await world.begin(run);
    await choices.choose(venue, ['a']);
    await world.chunk(run);
    await world.finish(run);
    await passTheRetryPause();
    expect(await scheduledMode()).toBe('full');
  });

  /** A full pass that was tried a moment ago is not tried again at once, whatever became of it. */
  const passTheRetryPause = () =>
    world.database
      .admin`update sync_runs set created_at = created_at - interval '1 day' where connection_id = ${venue.connectionId}`;
});
