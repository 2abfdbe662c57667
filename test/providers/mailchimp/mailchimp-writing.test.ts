import { describe, expect, it } from 'vitest';
import { ProviderError } from '../../../providers/provider-error.ts';
import type { BatchOutcome } from '../../../providers/provider.ts';
import type { CustomerFields } from '../../../records/customers.ts';
import { aKey, createMailchimpWorld, detailsOf, following } from './mailchimp-world.ts';

const world = createMailchimpWorld();

const LONDON = {
  ...{ line1: '1 High Street', line2: null, city: 'London', region: 'LND', postalCode: 'N1 1AA' },
  country: 'United Kingdom',
};
const create = (fields: Partial<CustomerFields>) => world.writer().create(world.map(fields), aKey());
const createAll = (all: readonly Partial<CustomerFields>[]) => {
  const { batch } = world.writer();
  if (!batch) throw new Error('members are written by batches');
  return batch.create(
    all.map((fields) => ({ mapped: world.map(fields), ...aKey() })),
    aKey(),
  );
};
const codeOf = (outcome: BatchOutcome | undefined) =>
  outcome instanceof ProviderError
    ? [outcome.details.kind, outcome.details.code]
    : (outcome?.fields?.['email'] ?? null);

describe('a batch of new members', () => {
  it('has an outcome for each record, whatever is refused about the others', async () => {
    await world.account().put('members', [{ email_address: 'There@Example.com' }]);
    const outcomes = await createAll([
      { email: 'ada@example.com' },
      { email: 'not an address' },
      { email: 'fake@example.com' },
      { email: 'often@example.com' },
      { email: 'there@example.com' },
      { email: 'ADA@example.com' },
      { email: 'grace@example.com' },
    ]);
    expect(outcomes.map(codeOf)).toEqual([
      'ada@example.com',
      ['rejected', 'address-invalid'],
      ['rejected', 'address-looks-fake'],
      ['rejected', 'address-signs-up-too-often'],
      ['conflict', 'member-exists'],
      ['rejected', 'duplicate-address'],
      'grace@example.com',
    ]);
    expect(await world.writes()).toEqual(['POST ']);
  });

  it('names the merge field that a member lacks or does not fit, and writes the others', async () => {
    await world.account().put('merge-fields', [{ tag: 'LNAME', name: 'Last Name', type: 'text', required: true }]);
    const outcomes = await createAll([{ name: 'Ada' }, { name: 'Grace Hopper', email: 'grace@example.com' }]);
    expect(codeOf(outcomes[1])).toBe('grace@example.com');
    expect((outcomes[0] as ProviderError).details).toMatchObject({ code: 'merge-field-invalid', field: 'LNAME' });
  });

  it('is refused record by record where the audience was deleted', async () => {
    const session = world.session();
    await world.account().put('lists', [{ id: 'other00001', name: 'Another' }]);
    await world.account().vanish('lists', world.account().list);
    expect((await createAll([{}, { email: 'grace@example.com' }])).map(codeOf)).toEqual([
      ['rejected', 'audience-gone'],
      ['rejected', 'audience-gone'],
    ]);
    const query = { stream: 'members', fromEpochS: null, toEpochS: 2e9, after: null };
    expect(await detailsOf(session.listPage(query))).toMatchObject({ kind: 'rejected', code: 'audience-gone' });
  });

  it('does not tie two records to one member, also across batches of a session', async () => {
    const writer = world.writer();
    const batch = writer.batch!;
    const one = () => batch.create([{ mapped: world.map({}), ...aKey() }], aKey());
    expect((await one()).map(codeOf)).toEqual(['ada@example.com']);
    expect((await one()).map(codeOf)).toEqual([['rejected', 'duplicate-address']]);
    const hint = {
      recordId: 'another',
      email: null,
      fields: { email: 'ada@example.com' },
      createdSinceEpochS: 0,
      after: null,
    };
    expect(await detailsOf(writer.findRemote(hint))).toMatchObject({ kind: 'rejected', code: 'duplicate-address' });
  });
});

describe('the identity of a member', () => {
  it('stays when the address changes here, at Mailchimp, or in nothing but its case', async () => {
    const created = await create({ name: 'Ada' });
    const moved = await world
      .writer()
      .update(created.externalId, world.map({ name: 'Ada', email: 'lovelace@example.com' }), following(created));
    expect(moved).toMatchObject({ externalId: created.externalId, fields: { email: 'lovelace@example.com' } });
    expect(moved.externalState?.['hash']).not.toBe(created.externalState?.['hash']);
    await world.account().act({ act: 'change-address', member: moved.externalId, email: 'countess@example.com' });
    expect(await world.session().retrieve(created.externalId)).toMatchObject({
      externalId: created.externalId,
      fields: { email: 'countess@example.com' },
    });
    expect(await world.members()).toHaveLength(1);
  });

  it('keeps a batch from writing under an address that the member has left, or that is another member’s by now', async () => {
    const created = await create({ name: 'Ada' });
    await world.account().act({ act: 'change-address', member: created.externalId, email: 'countess@example.com' });
    const batch = world.writer().batch!;
    const entry = { externalId: created.externalId, mapped: world.map({ name: 'Old' }), ...following(created) };
    expect((await batch.update([entry], aKey())).map(codeOf)).toEqual([['conflict', 'address-changed']]);
    expect(await world.members()).toHaveLength(1);
    await world.account().act({ act: 'subscribe', email: 'ada@example.com' });
    expect((await batch.update([entry], aKey())).map(codeOf)).toEqual([['conflict', 'address-changed']]);
  });

  it('is refused an address that another member has', async () => {
    const [ada, grace] = await createAll([{}, { email: 'grace@example.com' }]);
    if (!ada || ada instanceof ProviderError || !grace) throw new Error('both are created');
    expect(
      await detailsOf(world.writer().update(ada.externalId, world.map({ email: 'grace@example.com' }), following(ada))),
    ).toMatchObject({ kind: 'rejected', code: 'duplicate-address' });
  });

  it('is gone once the member is archived, and the address may join again', async () => {
    const created = await create({ marketingConsent: true });
    await world.account().act({ act: 'archive', member: created.externalId });
    expect(await world.session().retrieve(created.externalId)).toBeNull();
    const update = () => world.writer().update(created.externalId, world.map({ name: 'New' }), following(created));
    expect(await detailsOf(update())).toMatchObject({ kind: 'rejected', httpStatus: 404 });
    expect(await create({ marketingConsent: true })).toMatchObject({ deleted: false });
  });
});

describe('what a member holds', () => {
  it('is written as it is read, also where Mailchimp rewrites the country and keeps the case of the address', async () => {
    await world
      .account()
      .put('members', [
        { email_address: 'Ada@Example.com', merge_fields: { FNAME: 'Ada King', LNAME: 'of Lovelace' } },
      ]);
    const [member] = await world.members<{ readonly contact_id: string }>();
    const present = (await world.session().retrieve(member?.contact_id ?? ''))!;
    const fields = { email: 'ada@example.com', name: 'Ada King of Lovelace', address: LONDON };
    const updated = await world.writer().update(present.externalId, world.map(fields), following(present));
    expect(updated.fields).toMatchObject({ email: 'Ada@Example.com', address: { ...LONDON, country: 'GB' } });
    const [stored] = await world.members<{ readonly merge_fields: object }>();
    expect(stored?.merge_fields).toMatchObject({ FNAME: 'Ada King', LNAME: 'of Lovelace' });
    const again = await world.writer().update(present.externalId, world.map(fields), following(updated));
    expect(again.fields).toEqual(updated.fields);
    expect(await world.account().objects('side-effects')).toMatchObject([{ kind: 'write-without-change' }]);
  });

  it('is no half address, which the link says', async () => {
    const created = await create({ address: { ...LONDON, region: null } });
    expect(created).toMatchObject({ fields: { address: null }, notes: [{ code: 'address-incomplete' }] });
    expect((await create({ email: 'b@example.com', address: LONDON })).notes).toEqual([]);
  });

  it('is left alone where an update does not say it: other merge fields, tags, the language', async () => {
    await world.account().put('members', [
      {
        email_address: 'ada@example.com',
        merge_fields: { BIRTHDAY: '12/10' },
        language: 'fr',
        tags: [{ id: 1, name: 'VIP' }],
      },
    ]);
    const [member] = await world.members<{ readonly contact_id: string }>();
    const present = (await world.session().retrieve(member?.contact_id ?? ''))!;
    expect(present).toMatchObject({
      customFields: [['merge_fields', 'BIRTHDAY']],
      fields: { metadata: { mailchimp_merge_BIRTHDAY: '12/10', mailchimp_language: 'fr', mailchimp_tags: 'VIP' } },
    });
    await world.writer().update(present.externalId, world.map({ name: 'Ada' }), following(present));
    expect(await world.members()).toMatchObject([
      { merge_fields: { BIRTHDAY: '12/10', FNAME: 'Ada' }, language: 'fr', tags: [{ name: 'VIP' }] },
    ]);
  });

  it('has its tags changed by their own endpoint, without starting an automation', async () => {
    const created = await create({ metadata: { mailchimp_tags: 'VIP, Wholesale' } });
    expect(created.fields).toMatchObject({ metadata: { mailchimp_tags: 'vip, wholesale' } });
    const change = (mailchimp_tags: string, remote = created) =>
      world.writer().update(created.externalId, world.map({ metadata: { mailchimp_tags } }), following(remote));
    const changed = await change('vip, Local');
    expect(changed.fields).toMatchObject({ metadata: { mailchimp_tags: 'vip, local' } });
    expect(await world.session().retrieve(created.externalId)).toMatchObject({ fields: changed.fields });
    const before = (await world.writes()).filter((path) => path.endsWith('/tags')).length;
    await change('LOCAL,VIP', changed);
    expect((await world.writes()).filter((path) => path.endsWith('/tags'))).toHaveLength(before);
    expect((await change('', changed)).fields).toMatchObject({ metadata: { mailchimp_status: 'transactional' } });
    expect(await world.members()).toMatchObject([{ tags: [] }]);
    expect(await world.account().objects('side-effects')).not.toContainEqual(
      expect.objectContaining({ kind: 'tag-automation' }),
    );
  });

  it('is foreign text that may be of any shape, one member of which is rejected alone', async () => {
    await world.account().put('members', [
      {
        email_address: 'odd@example.com',
        merge_fields: { FNAME: 'A\u0000da \ud800', LNAME: 7, ADDRESS: 'one line', PHONE: '' },
      },
      { email_address: 'new@example.com', status: 'forwarded' },
    ]);
    const query = { stream: 'members', fromEpochS: null, toEpochS: 2e9, after: null };
    const page = await world.session().listPage(query);
    expect(page.records).toMatchObject([{ fields: { name: expect.stringContaining('7') as string, address: null } }]);
    expect(page.rejections).toMatchObject([{ code: 'unreadable', unknownValues: [['status']] }]);
    expect(page.positions).toHaveLength(2);
  });
});

describe('the audience', () => {
  const page = { stream: 'members', fromEpochS: null, toEpochS: 2e9, after: null };

  it('is the account’s only one, or the one that was chosen; otherwise nothing is read or written', async () => {
    expect((await world.session(null).listPage(page)).records).toEqual([]);
    await world.account().put('lists', [{ id: 'other00001', name: 'Another' }]);
    for (const accounts of [null, [world.account().list, 'other00001']]) {
      const refusal = { kind: 'rejected', code: 'several-audiences' };
      expect(await detailsOf(world.session(accounts).listPage(page))).toMatchObject(refusal);
      expect(await detailsOf(world.writer(accounts).create(world.map({}), aKey()))).toMatchObject(refusal);
    }
    expect(await detailsOf(world.session([]).listPage(page))).toMatchObject({ code: 'no-audience' });
    await world.writer(['other00001']).create(world.map({}), aKey());
    expect(await world.members()).toMatchObject([{ list_id: 'other00001' }]);
    expect((await world.session(['other00001']).listPage(page)).records).toHaveLength(1);
    expect((await world.session().listPage(page)).records).toEqual([]);
  });

  it('is asked for once in a session, and again after a failure', async () => {
    const session = world.session(null);
    await world.control().fault({ kind: 'status', status: 503, times: 1 });
    expect(await detailsOf(session.listPage(page))).toMatchObject({ kind: 'unavailable' });
    await session.listPage(page);
    await session.listPage(page);
    expect((await world.account().calls()).map(({ path }) => path)).toHaveLength(4);
  });
});
