import { describe, expect, it } from 'vitest';
import { zoneAt } from '../../../domain/schedule/earlier-zones.ts';

describe('the time zone of a venue', () => {
  const zones = {
    timeZone: 'America/New_York',
    earlier: [
      { timeZone: 'UTC', until: '2026-03-01T00:00:00.000Z' },
      { timeZone: 'Europe/Berlin', until: '2026-06-01T00:00:00.000Z' },
    ],
  };

  it.each([
    ['2026-01-01T00:00:00.000Z', 'UTC'],
    ['2026-03-01T00:00:00.000Z', 'Europe/Berlin'],
    ['2026-05-31T23:59:59.999Z', 'Europe/Berlin'],
    ['2026-06-01T00:00:00.000Z', 'America/New_York'],
  ])('at %s was %s', (at, zone) => {
    expect(zoneAt(zones, new Date(at))).toBe(zone);
  });

  it('is the present one for what has no time yet', () => {
    expect([zoneAt(zones, null), zoneAt(zones, undefined)]).toEqual(['America/New_York', 'America/New_York']);
  });
});
