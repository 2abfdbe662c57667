import { beforeEach, describe, expect, it } from 'vitest';
import { FAILURE } from '../../../contracts/failures.ts';
import type { SyncId } from '../../../contracts/ids.ts';
import {
  changeFeed,
  idSweep,
  offset,
  pageCursor,
  timeWindows,
  tokenFeed,
} from '../../../domain/sync/pull/pull-plan.ts';
import type { PullPlan } from '../../../domain/sync/pull/pull-plan.ts';
import { ProviderError } from '../../../providers/provider-error.ts';
import { PAGE_SIZE, isCursorGone } from '../../support/made-up/made-up-lists.ts';
import { BY_TIME, COUNT, FROM_START, PAGES, listPulls, streamOf } from './list-pulls.ts';

const BY_OFFSET = streamOf(offset('people-by-offset', { overlap: 2 }));
const SINCE_MOMENT = { reachS: 30 * 86_400, overlapS: 600, handOffOverlapS: 5 };

describe('a pull by a declared strategy', () => {
  const pulls = listPulls();
  const { lists, begin, held, begun, pull, toEnd } = pulls;
  const anomalies = async (syncId: SyncId) =>
    (await pulls.world.logOf(pulls.venue, syncId)).filter(({ action }) => action === 'anomaly').map(({ code }) => code);
  const outage = () => {
    throw new ProviderError({ provider: 'stripe', kind: 'unavailable', httpStatus: 503 });
  };

  describe('by pageCursor', () => {
    beforeEach(() => begin(FROM_START));

    it('restarts when the cursor expires midway, keeps what it has, counts each record once and archives nothing', async () => {
      await pull();
      lists.asked.length = 0;
      lists.onPage(6, (page) => {
        lists.expireCursors();
        return page;
      });
      const run = await pull();
      expect(run.counts).toMatchObject({ read: COUNT, created: 0, archived: 0, unchanged: COUNT });
      expect(await held()).toEqual(lists.ids);
      expect(await anomalies(run.syncId)).toEqual(['cursor-expired']);
      // Six pages, the refused one, and then all pages.
      expect(lists.asked).toHaveLength(6 + 1 + PAGES);
    });

    it('restarts at the latest time read, minus an overlap, when the list can be filtered by time', async () => {
      await begin(BY_TIME);
      lists.onPage(6, (page) => {
        lists.expireCursors();
        return page;
      });
      const run = await pull();
      expect(run.counts).toMatchObject({ read: COUNT, created: COUNT, archived: 0 });
      expect(await held()).toEqual(lists.ids);
      expect(lists.asked).toHaveLength(6 + 1 + PAGES - 6);
      const [first, restarted] = lists.asked.filter(({ after }) => after === null);
      expect(first?.fromEpochS).toBeNull();
      expect(restarted?.fromEpochS).toBeGreaterThan(0);
    });

    it('gives up with a reason when the cursor repeatedly expires before the end of the list', async () => {
      lists.reset(FROM_START, COUNT);
      for (let nth = 2; nth < 100; nth += 1)
        lists.onPage(nth, (page, { after }) => {
          if (after !== null) lists.expireCursors();
          return page;
        });
      const input = await begun();
      await expect(toEnd(input)).rejects.toMatchObject({ type: FAILURE.unexpectedResponse });
      expect(lists.asked.length).toBeLessThan(40);
      expect(await anomalies(input.syncId)).toEqual(['cursor-expired']);
    });

    it('does not count a restart by time that makes progress as a failed one', async () => {
      await begin(BY_TIME);
      for (let nth = 2; nth < 60; nth += 1)
        lists.onPage(nth, (page, { after }) => {
          if (after !== null) lists.expireCursors();
          return page;
        });
      const run = await pull();
      expect(run.counts).toMatchObject({ read: COUNT, created: COUNT, archived: 0 });
    });

    it('requests a page again that repeats the previous one, logs it once, and stores everything once', async () => {
      let before = lists.page({ stream: 'people-by-cursor', fromEpochS: null, toEpochS: 0, after: null });
      lists.onPage(3, (page) => ((before = page), page));
      for (const nth of [4, 5]) lists.onPage(nth, ({ after }) => ({ ...before, after }));
      const run = await pull();
      expect(run.counts).toMatchObject({ read: COUNT, created: COUNT });
      expect(await held()).toEqual(lists.ids);
      expect(await anomalies(run.syncId)).toEqual(['page-repeats']);
    });

    it('gives up on looping cursors, whatever the length of the loop', async () => {
      let beginning: unknown;
      lists.onPage(1, (page) => ((beginning = page.after), page));
      for (let nth = 2; nth < 200; nth += 1)
        lists.onPage(nth, (page) => (page.after === null ? { ...page, after: beginning as typeof page.after } : page));
      await expect(toEnd(await begun())).rejects.toMatchObject({ type: FAILURE.unexpectedResponse });
      expect(lists.asked.length).toBeLessThan(60);
    });

    it('continues past an empty page with another cursor', async () => {
      lists.onPage(2, (_page, query) => {
        const { after } = lists.page({ ...query, after: null });
        return { records: [], positions: [], pageSize: PAGE_SIZE, after: { ...(after as object), again: true } };
      });
      const run = await pull();
      expect(run.counts).toMatchObject({ created: COUNT });
      expect(await anomalies(run.syncId)).toEqual([]);
    });

    it('resumes after the last committed page with the stored cursor', async () => {
      lists.onPage(5, outage);
      const input = await begun();
      await expect(pulls.world.chunk(input)).rejects.toMatchObject({ type: FAILURE.unavailable });
      const [stored] = await pulls.world.database.admin<{ checkpoint: { segments: { after: unknown }[] } }[]>`
        select checkpoint from sync_runs where id = ${input.syncId}`;
      lists.asked.length = 0;
      expect((await toEnd(input)).counts).toMatchObject({ read: COUNT, created: COUNT });
      expect(lists.asked[0]?.after).toEqual(stored?.checkpoint.segments[0]?.after);
      expect(lists.asked).toHaveLength(PAGES - 4);
      expect(await held()).toEqual(lists.ids);
    });

    it('restarts when the cursor has expired while no worker was running', async () => {
      lists.onPage(5, outage);
      const input = await begun();
      await expect(pulls.world.chunk(input)).rejects.toMatchObject({ type: FAILURE.unavailable });
      lists.expireCursors();
      expect((await toEnd(input)).counts).toMatchObject({ read: COUNT, created: COUNT, archived: 0 });
      expect(await held()).toEqual(lists.ids);
    });
  });

  describe('by offset', () => {
    beforeEach(() => begin(BY_OFFSET));

    it('stores everything once, and each page begins with the end of the previous one', async () => {
      const run = await pull();
      expect(run.counts).toMatchObject({ read: COUNT, created: COUNT });
      expect(await held()).toEqual(lists.ids);
      expect(await anomalies(run.syncId)).toEqual([]);
      expect(lists.asked.slice(0, 3).map(({ after }) => after)).toEqual([null, 8, 16]);
    });

    it.each([
      ['one object is', 1],
      ['more objects than the overlap are', 5],
      ['more objects than a page are', 25],
    ])('misses nothing when %s deleted in front of its position', async (_what, count) => {
      lists.onPage(4, (page) => {
        lists.remove(...lists.ids.slice(0, count));
        return page;
      });
      const run = await pull();
      expect(await held()).toEqual(expect.arrayContaining([...lists.ids]));
      expect(run.counts).toMatchObject({ read: COUNT, created: COUNT });
      expect(await anomalies(run.syncId)).toEqual(['order-shifted']);
    });

    it.each([
      ['one object is', 1, ['order-shifted']],
      ['exactly a page less the overlap is', PAGE_SIZE - 2, ['page-repeats', 'order-shifted']],
      ['more objects than a page are', 25, ['order-shifted']],
    ])('stores everything once when %s created in front of its position', async (_what, count, noted) => {
      const before = lists.ids;
      lists.onPage(4, (page) => {
        for (let index = 0; index < count; index += 1) lists.put(`new-${index}`, 'New', { first: true });
        return page;
      });
      const run = await pull();
      const stored = await held();
      expect(stored).toEqual(expect.arrayContaining([...before]));
      expect(run.counts).toMatchObject({ read: stored.length, created: stored.length });
      expect(await anomalies(run.syncId)).toEqual(noted);
    });

    it('reads to the end of a list that has become shorter than its position', async () => {
      lists.onPage(9, (page) => {
        lists.remove(...lists.ids.slice(0, 60));
        return page;
      });
      const run = await pull();
      expect(await held()).toEqual(expect.arrayContaining([...lists.ids]));
      expect(run.counts).toMatchObject({ archived: 0 });
    });

    it('gives up on a provider that ignores the offset', async () => {
      for (let nth = 2; nth < 100; nth += 1)
        lists.onPage(nth, (_page, query) => ({
          ...lists.page({ ...query, after: 0 }),
          after: Number(query.after) + PAGE_SIZE,
        }));
      await expect(toEnd(await begun())).rejects.toMatchObject({ type: FAILURE.unexpectedResponse });
      expect(lists.asked.length).toBeLessThan(20);
    });

    it('gives up on an order that keeps shifting', async () => {
      for (let nth = 1; nth < 400; nth += 1)
        lists.onPage(nth, (page) => {
          lists.order.push(...lists.order.splice(0, 13));
          return page;
        });
      await expect(toEnd(await begun())).rejects.toMatchObject({ type: FAILURE.unexpectedResponse });
      expect(lists.asked.length).toBeLessThan(400);
    });

    it('resumes after the last committed page, and notices what shifted meanwhile', async () => {
      lists.onPage(5, outage);
      const input = await begun();
      await expect(pulls.world.chunk(input)).rejects.toMatchObject({ type: FAILURE.unavailable });
      lists.remove(...lists.ids.slice(0, 7));
      lists.asked.length = 0;
      expect((await toEnd(input)).counts).toMatchObject({ read: COUNT, created: COUNT });
      expect(lists.asked[0]?.after).toBeGreaterThan(PAGE_SIZE);
      expect(await held()).toEqual(expect.arrayContaining([...lists.ids]));
      expect(await anomalies(input.syncId)).toEqual(['order-shifted']);
    });
  });

  describe('by changeFeed', () => {
    it('requests changes since the last pull minus its overlap, and everything once its reach is exceeded', async () => {
      const feed = changeFeed([[pageCursor('changes', { afterExpiry: { from: 'start' } })]], SINCE_MOMENT);
      await begin({ ...FROM_START, changes: feed });
      await pull();
      lists.asked.length = 0;
      lists.passTime();
      lists.put('p-0003', 'Renamed');
      const run = await pull('incremental');
      expect(run.counts).toMatchObject({ updated: 1, archived: 0 });
      expect(lists.asked.map(({ stream }) => stream)).toEqual(['changes']);
      expect(Date.now() / 1_000 - (lists.asked[0]?.fromEpochS ?? 0)).toBeGreaterThanOrEqual(SINCE_MOMENT.overlapS);

      await pulls.world.database.admin`update sync_cursors set watermark = now() - interval '31 days'
        where connection_id = ${pulls.venue.connectionId}`;
      lists.asked.length = 0;
      await pull('incremental');
      expect(lists.asked[0]?.stream).toBe('people-by-cursor');
    });

    const TOKEN = streamOf(timeWindows('changes-by-token', { isCursorGone }), {
      changes: tokenFeed([[pageCursor('changes-by-token', { afterExpiry: { from: 'start' }, isCursorGone })]]),
    });
    const BY_TOKEN: PullPlan = {
      ...TOKEN,
      listing: [[pageCursor('changes-by-token', { afterExpiry: { from: 'start' }, isCursorGone })]],
    };

    it('resumes at the token of the last pull, and stores the next one', async () => {
      await begin(BY_TOKEN);
      await pull();
      const first = lists.cursor;
      lists.asked.length = 0;
      lists.put('p-0003', 'Renamed');
      expect((await pull('incremental')).counts).toMatchObject({ read: 1, updated: 1 });
      expect((await pull('incremental')).counts).toMatchObject({ read: 0, updated: 0 });
      expect(lists.asked.map(({ after }) => after)).toEqual([first, lists.cursor]);
    });

    it('reads everything when the provider no longer knows the token, logs it, and continues with a new one', async () => {
      await begin(BY_TOKEN);
      await pull();
      lists.put('p-0003', 'Renamed');
      lists.remove('p-0004');
      lists.expireCursors();
      const run = await pull('incremental');
      expect(run.counts).toMatchObject({ read: COUNT - 1, updated: 1, archived: 1 });
      expect(await anomalies(run.syncId)).toEqual(['feed-lost']);
      expect(await held()).toEqual(lists.ids);
      expect((await pull('incremental')).counts).toMatchObject({ read: 0 });
    });

    it('keeps the token of the last completed pull when a later one is cancelled', async () => {
      await begin(BY_TOKEN);
      await pull();
      lists.put('p-0003', 'Renamed');
      const input = await pulls.world.open(pulls.venue, 'pull', 'incremental');
      await pulls.world.begin(input);
      await pulls.world.chunk(input);
      await pulls.world.finish(input, 'cancelled');
      expect((await pull('incremental')).counts).toMatchObject({ read: 1 });
    });
  });

  describe('by idSweep', () => {
    const SWEPT: PullPlan = {
      ...FROM_START,
      changes: changeFeed([[pageCursor('changes', { afterExpiry: { from: 'start' } })]], SINCE_MOMENT),
      ...idSweep(offset('ids', { overlap: 1 })),
    };

    it('finds deletions that the change feed does not report, and archives nothing that still exists', async () => {
      await begin(SWEPT);
      await pull();
      lists.remove('p-0004', 'p-0050');
      lists.hidden.add('p-0060');
      const planned = await pull('incremental', { dryRun: true });
      expect(planned.counts).toMatchObject({ archived: 2 });
      const run = await pull('incremental');
      expect(run.counts).toMatchObject({ archived: 2, created: 0 });
      expect(await held()).toEqual(lists.ids);
      expect(await anomalies(run.syncId)).toEqual(['left-out-of-listing']);
    });
  });

  it('ends, and deletes a record whose look-up answers with another one', async () => {
    await begin(FROM_START);
    await pull();
    lists.remove('p-0004');
    lists.replacedBy.set('p-0004', 'p-0005');
    const run = await pull();
    expect(run.counts).toMatchObject({ archived: 1, created: 0 });
    expect(await held()).toEqual(lists.ids);
  });
});
