import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Timeline } from '../../sandbox/core/timeline.ts';
import type { TimelineItem } from '../../sandbox/core/timeline.ts';

const step = fc.oneof(
  fc.record({ kind: fc.constant('add' as const), created: fc.nat(6) }),
  fc.record({ kind: fc.constant('addAll' as const), created: fc.array(fc.nat(6), { maxLength: 5 }) }),
  fc.record({ kind: fc.constant('remove' as const), which: fc.nat(30) }),
);

describe('a timeline', () => {
  it('answers every page as a plain sorted list would, after any additions and removals', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 30 }),
        fc.nat(6),
        fc.nat(6),
        fc.integer({ min: 1, max: 5 }),
        fc.nat(30),
        (steps, min, max, limit, which) => {
          const timeline = new Timeline<TimelineItem>();
          let model: TimelineItem[] = [];
          let order = 0;
          const make = (created: number): TimelineItem => ({ id: `id${order}`, created, order: order++ });
          for (const each of steps) {
            if (each.kind === 'add') {
              const item = make(each.created);
              timeline.add(item);
              model.push(item);
            } else if (each.kind === 'addAll') {
              const items = each.created.map(make);
              timeline.addAll(items);
              model.push(...items);
            } else {
              const item = model[each.which];
              if (item) timeline.remove(item);
              model = model.filter((other) => other !== item);
            }
          }
          const sorted = model.toSorted((a, b) => b.created - a.created || b.order - a.order);
          expect([...timeline.newestFirst()]).toEqual(sorted);

          const cursor = sorted[which];
          const inRange = sorted.filter(({ created }) => created >= min && created <= max);
          const older = cursor ? inRange.filter((item) => sorted.indexOf(item) > which) : inRange;
          expect(timeline.page({ limit, created: { min, max }, startingAfter: cursor })).toEqual({
            items: older.slice(0, limit),
            hasMore: older.length > limit,
          });
          if (!cursor) return;
          const newer = inRange.filter((item) => sorted.indexOf(item) < which);
          expect(timeline.page({ limit, created: { min, max }, endingBefore: cursor })).toEqual({
            items: newer.slice(-limit),
            hasMore: newer.length > limit,
          });
        },
      ),
      { numRuns: 500 },
    );
  });
});
