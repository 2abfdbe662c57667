import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMailchimpSyncWorld } from '../push/mailchimp-world.ts';
import type { MailchimpSyncWorld, MailchimpVenue } from '../push/mailchimp-world.ts';

interface MemberShown extends Readonly<Record<string, unknown>> {
  readonly id: string;
  readonly merge_fields: object;
}

describe('a two-way run with a provider whose empty fields say nothing', () => {
  let world: MailchimpSyncWorld;
  beforeAll(async () => {
    world = await createMailchimpSyncWorld();
  });
  afterAll(() => world.close());

  const memberOf = async ({ account }: MailchimpVenue) => (await account.objects<MemberShown>('members'))[0]!;

  it('sends what the venue has filled in although the provider has changed another field', async () => {
    const venue = await world.aMailchimpVenue();
    await world.load(venue, 1, () => ({ name: 'Ada', email: 'ada@example.com' }));
    await world.sync(venue, 'both');
    await world.mailchimp.clock(2_000);
    const { id } = await memberOf(venue);
    await venue.account.ask('PATCH', `/members/${id}`, { merge_fields: { FNAME: 'Grace' } });
    await world.load(venue, 1, () => ({ phone: '+49' }));
    expect((await world.sync(venue, 'both', 'incremental')).counts).toMatchObject({ updated: 2, conflicts: 0 });
    expect(await memberOf(venue)).toMatchObject({ merge_fields: { FNAME: 'Grace', PHONE: '+49' } });
    expect((await world.sync(venue, 'both', 'incremental')).counts).toMatchObject({ updated: 0, conflicts: 0 });
  });

  it('sends it although a person still has to decide about another field', async () => {
    const venue = await world.aMailchimpVenue();
    await world.load(venue, 1, () => ({ name: 'Ada', email: 'ada@example.com' }));
    await world.sync(venue, 'both');
    await world.mailchimp.clock(4_000);
    const { id } = await memberOf(venue);
    await venue.account.ask('PATCH', `/members/${id}`, { merge_fields: { FNAME: 'Grace' } });
    await world.load(venue, 1, () => ({ name: 'Augusta' }));
    expect((await world.sync(venue, 'both', 'incremental')).counts).toMatchObject({ conflicts: 1 });
    await world.load(venue, 1, () => ({ phone: '+49' }));
    await world.sync(venue, 'both', 'incremental');
    expect(await memberOf(venue)).toMatchObject({ merge_fields: { FNAME: 'Grace', PHONE: '+49' } });
  });
});
