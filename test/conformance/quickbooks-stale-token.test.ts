import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RecordFields } from '../../records/record-kind.ts';
import { RECORD_KINDS } from '../../records/registry.ts';
import { TWO_WAY_STAND_INS } from './two-way-accounts.ts';
import type { TwoWayStandIn } from './two-way-accounts.ts';
import { twoWaySamplesOf } from './two-way-samples.ts';
import { createTwoWayWorld } from './two-way-world.ts';
import type { Side, TwoWayWorld } from './two-way-world.ts';
import { startAnswerEditingProxy } from '../support/sandbox/answer-editing-proxy.ts';

const PROVIDER = 'quickbooks';

let world: TwoWayWorld;
/** Runs once, after a writer has read the SyncTokens and before it writes with them. */
let betweenTokenAndWrite: (() => Promise<unknown>) | null = null;
/** The batches that QuickBooks has refused an item of because of its SyncToken. */
let staleAnswers = 0;

async function startThroughProxy(): Promise<TwoWayStandIn> {
  const standIn = await TWO_WAY_STAND_INS[PROVIDER]?.();
  const settings = standIn?.config[PROVIDER];
  if (!standIn || !settings?.apiUrl) throw new Error('QuickBooks has no stand-in for two-way runs');
  const proxy = await startAnswerEditingProxy(settings.apiUrl);
  proxy.edit(async ({ path, query, body }) => {
    if (path.endsWith('/batch') && JSON.stringify(body).includes('"5010"')) staleAnswers += 1;
    if (betweenTokenAndWrite === null || query.get('query')?.includes('Id in') !== true) return;
    const work = betweenTokenAndWrite;
    betweenTokenAndWrite = null;
    await work();
  });
  return {
    ...standIn,
    config: { [PROVIDER]: { ...settings, apiUrl: proxy.url } },
    async close() {
      await proxy.close();
      await standIn.close();
    },
  };
}

beforeAll(async () => {
  world = await createTwoWayWorld(PROVIDER, startThroughProxy);
});
afterAll(() => world.close());

describe.each(['customers', 'products'] as const)('a two-way run of QuickBooks’ %s', (resource) => {
  const { fields, changes, conflict } = twoWaySamplesOf(resource);
  let side: Side;

  const both = () => world.both(side, resource);
  const record = () => world.recordOf(side, resource);
  const remote = async () => (await world.remoteOf(side, resource, await record()))?.fields;
  const load = async (change: RecordFields) => {
    const now = await record();
    const own = Object.keys(RECORD_KINDS.get(resource).fields).map((name) => [name, now[name]] as const);
    return world.load(side, resource, { ...Object.fromEntries(own), ...change });
  };
  const editBetween = (change: RecordFields) => {
    betweenTokenAndWrite = async () => world.edit(side, resource, { record: await record(), change });
  };

  beforeEach(async () => {
    side = await world.aSide();
    await world.load(side, resource, fields);
    await world.both(side, resource, 'full');
    staleAnswers = 0;
  });

  it('merges again what somebody writes after the SyncToken was read', async () => {
    const [mine, theirs = {}] = changes;
    await load(mine);
    editBetween(theirs);
    expect((await both()).counts).toMatchObject({ conflicts: 0, rejected: 0 });
    expect(staleAnswers).toBe(1);
    expect(await remote()).toMatchObject({ ...mine, ...theirs });
    expect(await record()).toMatchObject({ ...mine, ...theirs });
  });

  it('leaves both values to a person when that is the field that the venue has changed', async () => {
    await load(conflict.venue);
    editBetween(conflict.provider);
    await both();
    expect(staleAnswers).toBe(1);
    expect(await world.conflicts(side)).toMatchObject([{ state: 'open' }]);
    expect(await remote()).toMatchObject(conflict.provider);
    expect(await record()).toMatchObject(conflict.venue);
  });
});
