import { Client, Connection } from '@temporalio/client';
import { msToTs, tsToMs } from '@temporalio/common/lib/time.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TIME_ZONE_NAMES } from '../../../domain/schedule/time-zone-names.ts';
import { createTestNamespace } from '../../support/services/temporal.ts';

const SCHEDULES_AT_ONCE = 20;
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

/**
 * When Temporal's server would run a schedule at noon on the 1st and the 16th of a month. Throws when it does not know
 * the zone.
 */
async function runsIn(timeZone: string): Promise<readonly Date[]> {
  await new Client({ connection, namespace }).schedule.create({
    scheduleId: timeZone,
    spec: { calendars: [{ dayOfMonth: [1, 16], hour: 12 }], timezone: timeZone },
    action: { type: 'startWorkflow', workflowType: 'none', taskQueue: 'none' },
    state: { paused: true },
  });
  const range = { startTime: msToTs(FROM.getTime()), endTime: msToTs(TO.getTime()) };
  const { startTime } = await connection.workflowService.listScheduleMatchingTimes({
    namespace,
    scheduleId: timeZone,
    ...range,
  });
  return startTime.map((time) => new Date(tsToMs(time)));
}

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
