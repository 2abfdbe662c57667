import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ConnectionId, RecordId } from '../../../../contracts/ids.ts';
import { archiveKey, batchKey, createKey, updateKey } from '../../../../domain/sync/push/idempotency-key.ts';

const identity = fc.record({
  connectionId: fc.uuid().map((id) => id as ConnectionId),
  recordId: fc.uuid().map((id) => id as RecordId),
  attempt: fc.nat({ max: 10 }),
  recordVersion: fc.nat({ max: 10 }),
});
const content = fc.string();

describe('an idempotency key', () => {
  it('of a creation is the same for the same record and attempt, whatever the content', () => {
    expect(createKey.length).toBe(1);
    fc.assert(
      fc.property(identity, (one) => {
        expect(createKey({ ...one })).toBe(createKey(one));
      }),
      { numRuns: 100 },
    );
  });

  it('differs for another attempt, record or connection', () => {
    fc.assert(
      fc.property(identity, identity, content, (one, other, fingerprint) => {
        const same =
          one.connectionId === other.connectionId && one.recordId === other.recordId && one.attempt === other.attempt;
        expect(createKey(one) === createKey(other)).toBe(same);
        const sameVersion = same && one.recordVersion === other.recordVersion;
        expect(updateKey(one, fingerprint) === updateKey(other, fingerprint)).toBe(sameVersion);
        expect(archiveKey(one) === archiveKey(other)).toBe(sameVersion);
        expect(createKey({ ...one, attempt: one.attempt + 1 })).not.toBe(createKey(one));
      }),
      { numRuns: 100 },
    );
  });

  it('differs after each refusal, which a provider may keep under the earlier one, and is as before without any', () => {
    fc.assert(
      fc.property(identity, content, fc.nat({ max: 9 }), (one, fingerprint, refusals) => {
        const keysOf = (of: typeof one & { readonly refusals?: number }) => [
          ...[createKey(of), updateKey(of, fingerprint), archiveKey(of)],
          batchKey(of.connectionId, [of], { action: 'create', round: 0 }),
        ];
        expect(keysOf({ ...one, refusals: 0 })).toEqual(keysOf(one));
        const keys = [refusals, refusals + 1].flatMap((count) => keysOf({ ...one, refusals: count }));
        expect(new Set(keys).size).toBe(8);
      }),
      { numRuns: 100 },
    );
  });

  it('of an update is the same for the same content and differs for any other', () => {
    fc.assert(
      fc.property(identity, content, content, (one, before, after) => {
        expect(updateKey(one, before) === updateKey(one, after)).toBe(before === after);
      }),
      { numRuns: 100 },
    );
  });

  it('of a later write differs for another version of the record, so that restored content is written again', () => {
    fc.assert(
      fc.property(identity, content, fc.integer({ min: 1, max: 9 }), (one, fingerprint, more) => {
        const later = { ...one, recordVersion: one.recordVersion + more };
        expect(updateKey(later, fingerprint)).not.toBe(updateKey(one, fingerprint));
        expect(archiveKey(later)).not.toBe(archiveKey(one));
        expect(createKey(later)).toBe(createKey(one));
      }),
      { numRuns: 100 },
    );
  });

  it('of a creation never equals that of an update or an archiving, and all are valid header text', () => {
    fc.assert(
      fc.property(identity, content, (one, fingerprint) => {
        const keys = [createKey(one), updateKey(one, fingerprint), archiveKey(one)];
        expect(new Set(keys).size).toBe(3);
        for (const key of keys) expect(key).toMatch(/^[a-z0-9-]{20,255}$/);
      }),
      { numRuns: 100 },
    );
  });
});
