import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstParts, firstPullCheckpoint, markChanges, nextStage } from '../../../domain/sync/checkpoint.ts';
import type { Checkpoint, PullCheckpoint, PullStart } from '../../../domain/sync/checkpoint.ts';
import { changeFeed, timeWindows } from '../../../domain/sync/pull/pull-plan.ts';
import type { PullPlan } from '../../../domain/sync/pull/pull-plan.ts';

const NOW = 1_800_000_000;
const DAY_S = 86_400;
const OVERLAP_S = 900;
const HAND_OFF_OVERLAP_S = 5;
const lists = (...stages: readonly (readonly string[])[]) =>
  stages.map((names) => names.map((name) => timeWindows(name)));
const feed = (...stages: readonly (readonly string[])[]) =>
  changeFeed(lists(...stages), { reachS: 29 * DAY_S, overlapS: OVERLAP_S, handOffOverlapS: HAND_OFF_OVERLAP_S });
const CUSTOMERS: PullPlan = { listing: lists(['customers']), changes: feed(['events']), mayVanish: true };
const LEDGER: PullPlan = {
  listing: lists(['charges', 'intents'], ['refunds']),
  changes: feed(['movements'], ['invoices']),
  mayVanish: false,
};
const WITHOUT_FEED: PullPlan = { listing: lists(['members']), changes: null, mayVanish: true };

const first = (start: Partial<PullStart> = {}) =>
  firstPullCheckpoint({
    mode: 'full',
    plan: CUSTOMERS,
    nowEpochS: NOW,
    watermarkEpochS: null,
    feedCursor: null,
    window: null,
    ...start,
  });
const kinds = (checkpoint: Checkpoint): readonly string[] =>
  checkpoint.kind === 'pull' ? checkpoint.stages.map(({ kind }) => kind) : [checkpoint.kind];
const reading = (checkpoint: Checkpoint, kind: 'listing' | 'changes') =>
  checkpoint.kind === 'pull' ? checkpoint.stages.filter((stage) => stage.kind === kind) : [];

/** Completes every stage in turn and returns the checkpoint at each. */
function walk(start: PullCheckpoint, plan: PullPlan, newestEpochS: number | null): readonly Checkpoint[] {
  const seen: Checkpoint[] = [start];
  for (let at: Checkpoint = start; at.kind === 'pull'; seen.push(at)) {
    if (seen.length > 50) throw new Error('the stages do not end');
    at = at.stages[0]?.kind === 'mark-changes' ? markChanges(at, plan, newestEpochS) : nextStage(at);
  }
  return seen;
}

const anyStart = fc.record<PullStart>({
  mode: fc.constantFrom('full', 'incremental'),
  plan: fc.constantFrom(CUSTOMERS, LEDGER, WITHOUT_FEED),
  nowEpochS: fc.constant(NOW),
  watermarkEpochS: fc.option(fc.integer({ min: NOW - 90 * DAY_S, max: NOW })),
  feedCursor: fc.constant(null),
  window: fc.option(
    fc.record({
      fromEpochS: fc.option(fc.integer({ min: 0, max: NOW })),
      toEpochS: fc.option(fc.integer({ min: 0, max: NOW })),
    }),
  ),
});

describe('the stages of a pull', () => {
  it.each([
    ['a full pull, whatever was read before', first({ watermarkEpochS: NOW - 60 })],
    ['a first pull', first({ mode: 'incremental' })],
    ['a pull after the change feed’s reach', first({ mode: 'incremental', watermarkEpochS: NOW - 29 * DAY_S })],
  ])(
    'of %s read everything between two reads of the change feed, then find missing records',
    (_promise, checkpoint) => {
      expect(kinds(checkpoint)).toEqual(['mark-changes', 'listing', 'changes', 'find-missing', 'settle-missing']);
      expect(reading(checkpoint, 'listing')).toMatchObject([
        { fromEpochS: null, toEpochS: null, streams: ['customers'] },
      ]);
    },
  );

  it('continue from the last watermark with the change feed alone, with an overlap', () => {
    for (const since of [0, 60, 28 * DAY_S]) {
      const checkpoint = first({ mode: 'incremental', watermarkEpochS: NOW - since });
      expect(checkpoint.stages).toEqual([
        { kind: 'changes', streams: ['events'], fromEpochS: NOW - since - OVERLAP_S, toEpochS: null },
        { kind: 'settle-missing' },
      ]);
    }
  });

  it('ask for the newest change beside the listing only in a first reading of everything', () => {
    const beside = (start: Partial<PullStart>) => first({ isFirstReading: true, ...start }).stages[0];
    expect(beside({})).toEqual({ kind: 'mark-changes', besideListing: true });
    expect(first().stages[0]).toEqual({ kind: 'mark-changes' });
    expect(beside({ plan: WITHOUT_FEED })).toMatchObject({ kind: 'listing' });
    expect(beside({ window: { fromEpochS: NOW - 60, toEpochS: NOW } })).toMatchObject({ kind: 'listing' });
  });

  it('of a provider without a change feed are the listing and the missing records, even after an earlier run', () => {
    expect(kinds(first({ mode: 'incremental', plan: WITHOUT_FEED, watermarkEpochS: NOW - 60 }))).toEqual([
      'listing',
      'find-missing',
      'settle-missing',
    ]);
  });

  it('infer no deletions for a resource whose records never vanish', () => {
    expect(kinds(first({ plan: LEDGER }))).toEqual([
      'mark-changes',
      'listing',
      'listing',
      'changes',
      'changes',
      'settle-missing',
    ]);
  });

  it('of a window read only the window: no deletions, watermark or change feed, even after an earlier run', () => {
    fc.assert(
      fc.property(anyStart, (start) => {
        const checkpoint = firstPullCheckpoint(start);
        if (!start.window) return;
        expect(new Set(kinds(checkpoint))).toEqual(new Set(['listing']));
        expect(checkpoint.stages).toEqual(
          start.plan.listing.map((streams) => ({
            kind: 'listing',
            streams: streams.map(({ name }) => name),
            ...start.window,
          })),
        );
        expect(walk(checkpoint, start.plan, NOW).at(-1)).toEqual({ kind: 'done', watermarkEpochS: null });
      }),
    );
  });

  it('start the change feed just before the provider’s newest change by its clock, or by ours when it has none', () => {
    const behind = NOW - 5_000;
    const fromEpochS = behind - HAND_OFF_OVERLAP_S;
    expect(fromEpochS).toBeLessThan(behind - 2);
    expect(reading(markChanges(first(), CUSTOMERS, behind), 'changes')).toMatchObject([{ fromEpochS, handOff: true }]);
    expect(reading(markChanges(first(), CUSTOMERS, null), 'changes')).toMatchObject([
      { fromEpochS: NOW - OVERLAP_S, handOff: true },
    ]);
    expect(reading(markChanges(first({ plan: LEDGER }), LEDGER, behind), 'changes')).toMatchObject([
      { fromEpochS },
      { fromEpochS },
    ]);
  });

  it('end after passing each once, and claim nothing beyond the start time', () => {
    fc.assert(
      fc.property(anyStart, fc.option(fc.integer({ min: 0, max: NOW + 100 })), (start, newestEpochS) => {
        const passed = walk(firstPullCheckpoint(start), start.plan, newestEpochS);
        expect(passed.length).toBe(firstPullCheckpoint(start).stages.length + 1);
        const listsAll =
          !start.window &&
          passed.some((checkpoint) => checkpoint.kind === 'pull' && checkpoint.stages[0]?.kind === 'listing');
        expect(passed.at(-1)).toEqual({
          kind: 'done',
          watermarkEpochS: start.window ? null : NOW,
          ...(listsAll && { readAll: true }),
        });
      }),
    );
  });

  it('find missing records only after the listing and the changes made meanwhile', () => {
    fc.assert(
      fc.property(anyStart, (start) => {
        const order = kinds(firstPullCheckpoint(start));
        const missing = order.indexOf('find-missing');
        if (missing >= 0) expect(order.slice(missing)).toEqual(['find-missing', 'settle-missing']);
        const listed = order.lastIndexOf('listing');
        if (order.includes('changes') && listed >= 0) expect(order.indexOf('changes')).toBeGreaterThan(listed);
      }),
    );
  });
});

describe('a listing that returned fewer records than the provider counts', () => {
  const listed = (
    listedCount: number,
    countedAtProvider: number | null,
    more: Partial<PullCheckpoint> = {},
  ): PullCheckpoint => {
    const begun = markChanges(first(), CUSTOMERS, NOW) as PullCheckpoint;
    return { ...begun, segments: [], listedCount, countedAtProvider, ...more };
  };

  it('is read once more from its beginning', () => {
    expect(nextStage(listed(99, 100))).toMatchObject({
      stages: [{ kind: 'listing' }, { kind: 'changes' }, { kind: 'find-missing' }, { kind: 'settle-missing' }],
      segments: null,
      listedCount: 0,
    });
  });

  it('is not read a third time, however few it returns', () => {
    const second = nextStage(listed(99, 100)) as PullCheckpoint;
    expect(kinds(nextStage({ ...second, listedCount: 10 }))[0]).toBe('changes');
  });

  it.each([
    ['as many as counted', listed(100, 100)],
    ['more than counted, because records were created meanwhile', listed(120, 100)],
    ['any number, from a provider that cannot count', listed(3, null)],
  ])('is complete when it returns %s', (_promise, checkpoint) => {
    expect(kinds(nextStage(checkpoint))[0]).toBe('changes');
  });
});

describe('the initial segments of a stage', () => {
  const TWO_LISTS: PullPlan = { listing: lists(['a', 'b']), changes: null, mayVanish: true };

  it('are one per stream, from the stage’s beginning to beyond a provider’s faster clock', () => {
    const parts = firstParts({ kind: 'changes', streams: ['a', 'b'], fromEpochS: 5, toEpochS: null }, TWO_LISTS, {
      nowEpochS: NOW,
      firstId: 7,
    });
    expect(parts).toMatchObject([
      { id: 7, stream: 'a', fromEpochS: 5, after: null, oldestEpochS: null, pagesRead: 0 },
      { id: 8, stream: 'b', fromEpochS: 5, after: null, oldestEpochS: null, pagesRead: 0 },
    ]);
    for (const { toEpochS } of parts) expect(toEpochS).toBeGreaterThan(NOW + 60);
  });

  it('end exactly at the end of a window', () => {
    expect(
      firstParts({ kind: 'listing', streams: ['a'], fromEpochS: 5, toEpochS: 9 }, TWO_LISTS, {
        nowEpochS: NOW,
        firstId: 1,
      }),
    ).toMatchObject([{ fromEpochS: 5, toEpochS: 9 }]);
  });
});
