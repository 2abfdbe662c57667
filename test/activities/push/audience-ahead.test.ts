import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSyncChunkActivities } from '../../../activities/sync/sync-chunk.ts';
import { createMailchimpSyncWorld } from './mailchimp-world.ts';
import type { MailchimpSyncWorld, MailchimpVenue } from './mailchimp-world.ts';

const COUNT = 600;

describe('the audience that members go to', () => {
  let world: MailchimpSyncWorld;
  beforeAll(async () => {
    world = await createMailchimpSyncWorld();
  });
  afterAll(() => world.close());

  const questionsOf = async ({ account }: MailchimpVenue): Promise<number> =>
    (await account.calls()).filter(({ method, path }) => method === 'GET' && path.endsWith('/lists')).length;

  const loaded = async (): Promise<MailchimpVenue> => {
    const venue = await world.aMailchimpVenue();
    await world.load(venue, COUNT, (index) => ({ name: `Ada ${index}`, email: `ada-${index}@example.com` }));
    return venue;
  };

  /** Reads the second page only when the audience has been asked for. */
  async function pushHoldingPages(venue: MailchimpVenue) {
    const input = await world.open(venue, 'push', 'full');
    await world.begin(input);
    let pages = 0;
    const chunks = createSyncChunkActivities({
      ...world.deps,
      pushes: {
        ...world.pushes,
        async readPage(scope, query) {
          if ((pages += 1) === 2) await expect.poll(() => questionsOf(venue)).toBe(1);
          return world.pushes.readPage(scope, query);
        },
      },
    });
    return world.aStage().run(chunks.syncChunk, input);
  }

  it('is asked for while records are read, and once', async () => {
    const venue = await loaded();
    expect(await pushHoldingPages(venue)).toMatchObject({ status: 'done', counts: { created: COUNT } });
    expect(await questionsOf(venue)).toBe(1);
  });

  it('is asked for again by the write that needs it when the first question failed', async () => {
    const venue = await loaded();
    await world.mailchimp.fault({ kind: 'status', status: 500, match: { path: '/3.0/lists' }, times: 1 });
    expect(await pushHoldingPages(venue)).toMatchObject({ status: 'done', counts: { created: COUNT } });
    expect(await questionsOf(venue)).toBe(2);
  });

  it('is not asked for where nothing has to be written', async () => {
    const venue = await loaded();
    await world.sync(venue, 'push');
    const asked = await questionsOf(venue);
    await world.sync(venue, 'push');
    expect(await questionsOf(venue)).toBe(asked);
  });
});
