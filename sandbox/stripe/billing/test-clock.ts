import type { Shape, Stored } from '../http/table.ts';

/** The mutable fields of a test clock. Times are in seconds since the epoch. */
export interface TestClockFields {
  readonly frozen_time: number;
  readonly name: string | null;
  readonly status: 'ready' | 'advancing';
}

const KEPT_SECONDS = 30 * 24 * 60 * 60;

/** The test clock resource of API 2026-10-28.endive: https://docs.stripe.com/api/test_clocks/object. */
function renderTestClock({ id, created, fields }: Stored<TestClockFields>) {
  return {
    id,
    object: 'test_helpers.test_clock' as const,
    created,
    deletes_after: created + KEPT_SECONDS,
    frozen_time: fields.frozen_time,
    livemode: false,
    name: fields.name,
    status: fields.status,
    status_details: fields.status === 'advancing' ? { advancing: { target_frozen_time: fields.frozen_time } } : {},
  };
}

export const testClockShape: Shape<TestClockFields> = { render: renderTestClock, keys: {} };
