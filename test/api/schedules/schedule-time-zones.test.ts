import { Client, Connection } from '@temporalio/client';
import type { ScheduleSpec } from '@temporalio/client';
import { msToTs, tsToMs } from '@temporalio/common/lib/time.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { specOf } from '../../../api/temporal/schedule-spec-gateway.ts';
import type { ScheduleTiming } from '../../../domain/schedule/schedule-timing.ts';
import { TIME_ZONE_NAMES } from '../../../domain/schedule/time-zone-names.ts';
import { createTestNamespace } from '../../support/services/temporal.ts';

/** Keeps Temporal's server busy; more at once only wait for each other, and on a slow machine too long. */
const SCHEDULES_AT_ONCE = 5;
/**
 * A past year, whose rules no time zone database release will change. Starts on January 2, because in some zones
 * January 1 still belongs to the year before.
 */
const [FROM, TO] = [new Date('2025-01-02T12:00:00Z'), new Date('2025-12-31T12:00:00Z')];

let connection: Connection;
let namespace: string;
beforeAll(async () => {
  const temporal = await createTestNamespace();
  ({ namespace } = temporal);
  connection = await Connection.connect({ address: temporal.address });
});
afterAll(() => connection.close());

/** When Temporal's server would run a schedule. Throws when it does not know the zone. */
async function runsBetween(
  scheduleId: string,
  spec: ScheduleSpec,
  [from, to]: readonly [Date, Date],
): Promise<readonly Date[]> {
  await new Client({ connection, namespace }).schedule.create({
    scheduleId,
    spec,
    action: { type: 'startWorkflow', workflowType: 'none', taskQueue: 'none' },
    state: { paused: true },
  });
  const range = { startTime: msToTs(from.getTime()), endTime: msToTs(to.getTime()) };
  const { startTime } = await connection.workflowService.listScheduleMatchingTimes({ namespace, scheduleId, ...range });
  return startTime.map((time) => new Date(tsToMs(time)));
}

/** At noon on the 1st and the 16th of a month. */
const runsIn = (timeZone: string) =>
  runsBetween(timeZone, { calendars: [{ dayOfMonth: [1, 16], hour: 12 }], timezone: timeZone }, [FROM, TO]);

function asNodeReadsThem(timeZone: string, times: readonly Date[]): readonly string[] {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
  return times.map((time) => format.format(time));
}

describe('every listed time zone', () => {
  it('has the same offsets in Temporal’s server and in Node', async () => {
    const noons = Array.from({ length: 23 }, (_, index) => `${index % 2 === 0 ? 16 : 1}, 12:00:00`);
    const left = [...TIME_ZONE_NAMES];
    const compareNext = async () => {
      for (let timeZone = left.pop(); timeZone !== undefined; timeZone = left.pop())
        expect.soft(asNodeReadsThem(timeZone, await runsIn(timeZone)), timeZone).toEqual(noons);
    };
    await Promise.all(Array.from({ length: SCHEDULES_AT_ONCE }, compareNext));
  }, 300_000);

  it('is also known to Temporal', async () => {
    await expect(runsIn('SystemV/AST4')).rejects.toThrow();
    await expect(runsIn('ACT')).rejects.toThrow();
  });
});

describe('when the clocks change', () => {
  const timeZone = 'Europe/Berlin';
  /** Berlin's clocks go forward at 01:00 UTC. */
  const SPRING = [new Date('2025-03-29T12:00:00Z'), new Date('2025-03-31T12:00:00Z')] as const;
  /** Berlin's clocks go back at 01:00 UTC. */
  const AUTUMN = [new Date('2025-10-25T23:20:00Z'), new Date('2025-10-26T03:05:00Z')] as const;
  const timesOf = async (timing: ScheduleTiming, night: readonly [Date, Date]) => {
    const spec = specOf(timing, 0, { now: new Date('2025-01-01T00:30:00Z'), previous: null });
    const runs = await runsBetween(JSON.stringify([timing, night]), spec, night);
    return runs.map((run) => run.toISOString().slice(5, 16));
  };

  it('leaves out a time that does not exist', async () => {
    expect(await timesOf({ cron: '30 2 * * *', timeZone }, SPRING)).toEqual(['03-31T00:30']);
  });

  it('runs once at a time that is repeated', async () => {
    expect(await timesOf({ cron: '30 2 * * *', timeZone }, AUTUMN)).toEqual(['10-26T01:30']);
  });

  // Temporal's server 1.32.0 does so; docs/operations/schedules.md says it.
  it('pauses twice for 75 minutes where a clock schedule comes every quarter of an hour', async () => {
    expect(await timesOf({ cron: '*/15 * * * *', timeZone }, AUTUMN)).toEqual([
      '10-25T23:30',
      '10-25T23:45',
      '10-26T00:00',
      '10-26T01:15',
      '10-26T02:30',
      '10-26T02:45',
      '10-26T03:00',
    ]);
  });

  it('does not touch an interval', async () => {
    const runs = await timesOf({ everyMs: 3_600_000 }, AUTUMN);
    expect(runs).toEqual(['10-25T23:30', '10-26T00:30', '10-26T01:30', '10-26T02:30']);
  });
});
