import { validate, version } from 'uuid';
import { describe, expect, it } from 'vitest';
import { newIds } from '../../../db/records/new-ids.ts';

describe('new ids', () => {
  it('are ascending and distinct within a call and from call to call', () => {
    const ids = Array.from({ length: 200 }, (_, nth) => newIds(nth % 7)).flat();
    expect(ids).toEqual([...ids].sort());
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.every((id) => validate(id) && version(id) === 7)).toBe(true);
  });
});
