import { describe, expect, it } from 'vitest';
import { FAULTS, drawPlan } from '../../bench/faults/plan.ts';

const SIZE = { events: 3_000, faults: FAULTS.length * 2, seed: 11 };

describe('the plan of a run of many events under faults', () => {
  const plan = drawPlan(SIZE);
  const deliveriesOf = (number: number) => plan.deliveries.filter((one) => one === number).length;

  it('is the same for the same seed, and another for another seed', () => {
    expect(drawPlan(SIZE)).toEqual(plan);
    expect(drawPlan({ ...SIZE, seed: 12 }).deliveries).not.toEqual(plan.deliveries);
  });

  it('loses some events on the way, and never the last of a customer', () => {
    const lost = plan.events.filter(({ times }) => times === 0).length;
    expect(lost / SIZE.events).toBeGreaterThan(0.03);
    expect(lost / SIZE.events).toBeLessThan(0.07);
    for (const last of plan.lastOf) if (last !== null) expect(deliveriesOf(last)).toBeGreaterThan(0);
  });

  it('delivers some events up to ten times, and many later than those that followed them', () => {
    const times = plan.events.map((event) => event.times);
    expect(Math.max(...times)).toBe(10);
    expect(plan.deliveries).toHaveLength(times.reduce((sum, each) => sum + each, 0));
    const late = plan.deliveries.filter((number, place) => number < (plan.deliveries[place - 1] ?? -1)).length;
    expect(late / plan.deliveries.length).toBeGreaterThan(0.3);
  });

  it('has several changes of a customer in one second, deletions, poisoned events, and events of an old version', () => {
    const sameSecond = plan.events.filter((event, number) => {
      const before = plan.events[number - 1];
      return before?.customer === event.customer && before.second === event.second;
    });
    expect(sameSecond.length).toBeGreaterThan(50);
    for (const what of ['updated', 'deleted', 'poison'] as const)
      expect(plan.events.filter((event) => event.what === what).length).toBeGreaterThan(0);
    expect(plan.events.filter(({ isOld }) => isOld).length).toBeGreaterThan(0);
  });

  it('tells nothing of a customer after its deletion', () => {
    for (const [number, { customer, what }] of plan.events.entries())
      if (what === 'deleted') expect(plan.lastOf[customer]).toBe(number);
  });

  it('strikes every kind of fault equally often, one after the other over the whole run', () => {
    for (const kind of FAULTS) expect(plan.faults.filter((fault) => fault.kind === kind)).toHaveLength(2);
    const at = plan.faults.map((fault) => fault.at);
    expect(at).toEqual([...at].sort((one, other) => one - other));
    expect(at.every((share) => share >= 0 && share < 1)).toBe(true);
  });
});
