import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TWO_WAY_STAND_INS } from './two-way-accounts.ts';
import { createTwoWayWorld } from './two-way-world.ts';
import type { TwoWayWorld } from './two-way-world.ts';

const PAGES = 1.1;

describe.each(Object.keys(TWO_WAY_STAND_INS))('a pull of customers from %s', (provider) => {
  let world: TwoWayWorld;
  beforeAll(async () => {
    world = await createTwoWayWorld(provider);
  });
  afterAll(() => world.close());

  async function aFilledSide() {
    const side = await world.aSide();
    const ids = await side.account.seed('customers', Math.ceil(PAGES * world.standIn.pageSize));
    const pull = () => world.world.sync(side, 'pull', 'full', { resource: 'customers' });
    const held = async () => {
      const rows = await world.world.database.admin<{ external_id: string }[]>`
        select l.external_id from record_links l join customers c on c.id = l.record_id
        where l.connection_id = ${side.connectionId} and c.deleted_at is null`;
      return rows.map(({ external_id }) => external_id).sort();
    };
    const strikes = async (kind: string, times: number) => {
      await side.account.fault({ kind, times });
      await pull();
      expect((await side.account.calls()).filter(({ fault }) => fault === kind)).toHaveLength(times);
    };
    return { ids: [...ids].sort(), pull, held, strikes };
  }

  // Xero is asked for what follows a time, so that no answer can repeat the page before.
  const kinds = provider === 'xero' ? ['page-shrink'] : ['page-repeat', 'page-shrink'];
  it.each(kinds)('stores everything once when two answers are a %s', async (kind) => {
    const { ids, held, strikes } = await aFilledSide();
    await strikes(kind, 2);
    expect(await held()).toEqual(ids);
  });

  it('deletes nothing when a page is left out', async () => {
    const { ids, pull, held, strikes } = await aFilledSide();
    await pull();
    expect(await held()).toEqual(ids);
    await strikes('page-skip', 1);
    expect(await held()).toEqual(ids);
  });

  it('stores a page that was left out with the next pull at the latest', async () => {
    const { ids, pull, held, strikes } = await aFilledSide();
    await strikes('page-skip', 1);
    await pull();
    expect(await held()).toEqual(ids);
  });
});
