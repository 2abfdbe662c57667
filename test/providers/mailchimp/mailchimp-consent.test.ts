import { describe, expect, it } from 'vitest';
import type { ProviderRecord } from '../../../providers/provider.ts';
import { aKey, createMailchimpWorld, detailsOf, following } from './mailchimp-world.ts';

const world = createMailchimpWorld();

const statuses = async () => (await world.members()).map(({ status }) => status);
const widened = async () =>
  (await world.account().objects<{ readonly kind: string }>('side-effects')).filter(
    ({ kind }) => kind === 'resubscribed',
  );
const create = (marketingConsent: boolean | null) => world.writer().create(world.map({ marketingConsent }), aKey());
const update = (remote: ProviderRecord, marketingConsent: boolean | null, name = 'Ada') =>
  world.writer().update(remote.externalId, world.map({ marketingConsent, name }), following(remote));
const notesOf = ({ notes = [] }: { readonly notes?: readonly { readonly code: string }[] }) =>
  notes.map(({ code }) => code);

describe('the consent of a new member', () => {
  it.each([
    [true, 'subscribed'],
    [false, 'unsubscribed'],
    [null, 'transactional'],
  ] as const)('%s makes it %s, and is read back', async (consent, status) => {
    const created = await create(consent);
    expect(await statuses()).toEqual([status]);
    expect(created.fields).toMatchObject({ marketingConsent: consent, metadata: { mailchimp_status: status } });
  });
});

describe('the consent of a known member', () => {
  it.each(['unsubscribe', 'bounce'] as const)('after %s is never widened, and the link says why', async (act) => {
    const created = await create(true);
    await world.account().act({ act, member: created.externalId });
    const present = (await world.session().retrieve(created.externalId))!;
    expect(present.fields).toMatchObject({ marketingConsent: false });
    // With what was read last, and with what was known before the member left.
    for (const known of [
      present,
      { ...created, externalState: { ...created.externalState, status: 'transactional' } },
    ]) {
      const updated = await update(known, true, 'Renamed');
      expect(updated.fields).toMatchObject({ name: 'Renamed', marketingConsent: false });
      expect(notesOf(updated)).toEqual(['consent-kept']);
    }
    expect(await statuses()).toEqual([act === 'bounce' ? 'cleaned' : 'unsubscribed']);
    expect(await widened()).toEqual([]);
  });

  it('stays refused where an owner unsubscribed the member and Mailchimp itself would subscribe it again', async () => {
    const created = await create(true);
    await world.account().ask('PATCH', `/members/${created.externalId}`, { status: 'unsubscribed' });
    // The state of before: nothing here knows of the refusal.
    for (const remote of [created, { ...created, externalState: { ...created.externalState, status: 'pending' } }])
      await update(remote, true, `Ada ${String(remote.externalState?.['status'])}`);
    expect(await statuses()).toEqual(['unsubscribed']);
    expect(await widened()).toEqual([]);
  });

  it('is left to the member where a confirmation is waited for', async () => {
    const [id] = await world.account().put('members', [{ email_address: 'ada@example.com', status: 'pending' }]);
    const updated = await update((await world.session().retrieve(id ?? ''))!, true);
    expect(await statuses()).toEqual(['pending']);
    expect(notesOf(updated)).toEqual(['consent-kept']);
  });

  it('subscribes a member that has said nothing, and unsubscribes one whose consent is taken back', async () => {
    const created = await create(null);
    const agreed = await update(created, true);
    expect(await statuses()).toEqual(['subscribed']);
    await update(agreed, false);
    expect(await statuses()).toEqual(['unsubscribed']);
  });

  it('is not touched by a record that says nothing of it', async () => {
    await update(await create(true), null);
    expect(await statuses()).toEqual(['subscribed']);
  });

  it('that Mailchimp refuses at the write itself leaves the rest written', async () => {
    const created = await create(null);
    // The member leaves between the reading and the write.
    let isFirst = true;
    world.proxy().edit(async ({ method }) => {
      if (method !== 'GET' || !isFirst) return;
      isFirst = false;
      await world.account().act({ act: 'unsubscribe', member: created.externalId });
    });
    const updated = await update(created, true, 'Renamed');
    expect(updated.fields).toMatchObject({ name: 'Renamed', marketingConsent: false });
    expect(notesOf(updated)).toEqual(['consent-kept']);
  });
});

describe('an address that Mailchimp does not subscribe', () => {
  it('is not added again once it was deleted for good, and the refusal says so', async () => {
    const created = await create(true);
    await world.account().ask('POST', `/members/${created.externalId}/actions/delete-permanent`, {});
    expect(await detailsOf(create(true))).toMatchObject({ kind: 'rejected', code: 'address-was-deleted-for-good' });
    expect(await statuses()).toEqual([]);
  });

  it('in a compliance state is not brought back from the archive', async () => {
    const created = await create(true);
    await world.account().act({ act: 'unsubscribe', member: created.externalId });
    expect(await world.writer().archive(created.externalId, aKey())).toBe('deleted');
    expect(await detailsOf(create(true))).toMatchObject({ kind: 'rejected', code: 'member-in-compliance-state' });
    expect(await statuses()).toEqual(['archived']);
  });
});
