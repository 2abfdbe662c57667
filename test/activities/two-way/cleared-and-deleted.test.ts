import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTwoWayWorld } from '../../conformance/two-way-world.ts';
import type { TwoWayWorld } from '../../conformance/two-way-world.ts';

const ADA = { name: 'Ada Lovelace', email: 'ada@example.com', phone: '+49301234567' };

describe('a two-way run that writes an archived member of Mailchimp anew', () => {
  let world: TwoWayWorld;
  beforeAll(async () => {
    world = await createTwoWayWorld('mailchimp');
  });
  afterAll(() => world.close());

  it('leaves the phone empty that the venue has cleared since', async () => {
    const side = await world.aSide();
    await world.setPolicy(side, 'customers', { policy: 'venue', deletionPolicy: 'venue' });
    await world.load(side, 'customers', ADA);
    await world.both(side, 'customers');
    const [member] = await side.account.people.all();
    await world.load(side, 'customers', { ...ADA, phone: null });
    await side.account.remove('customers', member?.id ?? '');
    await world.both(side, 'customers', 'full');
    expect(await side.account.people.all()).toMatchObject([{ ...ADA, phone: null }]);

    await world.both(side, 'customers', 'full');
    expect(await world.recordOf(side, 'customers')).toMatchObject({ ...ADA, phone: null });
  });

  it('leaves the phone empty of a record that the venue has deleted and loads again without one', async () => {
    const side = await world.aSide();
    await world.setPolicy(side, 'customers', { policy: 'venue', deletionPolicy: 'venue' });
    await world.load(side, 'customers', ADA);
    await world.both(side, 'customers');
    await world.remove(side, 'customers', await world.recordOf(side, 'customers'));
    await world.both(side, 'customers');
    expect(await side.account.people.all()).toEqual([]);
    await world.load(side, 'customers', { ...ADA, phone: null });
    await world.both(side, 'customers');
    expect(await side.account.people.all()).toMatchObject([{ ...ADA, phone: null }]);
  });

  it('leaves the phone empty where an update meets the deletion', async () => {
    const side = await world.aSide();
    await world.setPolicy(side, 'customers', { policy: 'venue', deletionPolicy: 'venue' });
    await world.load(side, 'customers', ADA);
    await world.both(side, 'customers');
    const [member] = await side.account.people.all();
    await world.load(side, 'customers', { ...ADA, phone: null });
    await side.account.remove('customers', member?.id ?? '');
    await world.both(side, 'customers');
    expect(await side.account.people.all()).toMatchObject([{ ...ADA, phone: null }]);
  });
});
