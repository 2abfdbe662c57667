import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decidePush } from '../../../../domain/sync/push/push-decision.ts';
import type { PushCandidate } from '../../../../domain/sync/push/push-decision.ts';

const candidate = (
  link: Partial<NonNullable<PushCandidate['link']>> | null,
  more: Partial<PushCandidate> = {},
): PushCandidate => ({
  fingerprint: 'now',
  hasProblems: false,
  deleted: false,
  link: link && { externalId: 'cus_1', fingerprint: 'before', state: 'linked', inDoubt: false, ...link },
  ...more,
});

const anyCandidate = fc.record<PushCandidate>({
  fingerprint: fc.constantFrom('a', 'b'),
  hasProblems: fc.boolean(),
  deleted: fc.boolean(),
  link: fc.option(
    fc.record({
      externalId: fc.constantFrom('cus_1', null),
      fingerprint: fc.constantFrom('a', 'b', null),
      state: fc.constantFrom(
        'pending' as const,
        'linked' as const,
        'rejected' as const,
        'gone' as const,
        'archived' as const,
      ),
      inDoubt: fc.boolean(),
    }),
  ),
});

const isAgreed = ({ link, fingerprint }: PushCandidate) =>
  link !== null &&
  link.externalId !== null &&
  link.fingerprint === fingerprint &&
  link.state !== 'archived' &&
  link.state !== 'gone' &&
  !link.inDoubt;

describe('the decision on a record to push', () => {
  it.each([
    ['recreates a live record that the provider has deleted', candidate({ state: 'gone' }), 'create'],
    [
      'recreates it even when its content is unchanged since both sides agreed',
      candidate({ state: 'gone', fingerprint: 'now' }),
      'create',
    ],
    [
      'rejects an invalid record that was deleted at the provider',
      candidate({ state: 'gone' }, { hasProblems: true }),
      'reject',
    ],
    [
      'looks up an unknown outcome before writing',
      candidate({ state: 'pending', externalId: null, fingerprint: null }),
      'resolve',
    ],
    ['rejects a record that the provider would refuse', candidate(null, { hasProblems: true }), 'reject'],
    ['rejects a change that the provider would refuse', candidate({}, { hasProblems: true }), 'reject'],
    [
      'rejects a pending record that the provider would refuse',
      candidate({ state: 'pending', externalId: null }, { hasProblems: true }),
      'reject',
    ],
    ['leaves a record alone that both sides agree on', candidate({ fingerprint: 'now' }), 'unchanged'],
    [
      'leaves a record alone that returned to its agreed content after a refused change',
      candidate({ fingerprint: 'now', state: 'rejected' }),
      'unchanged',
    ],
    ['updates a changed record', candidate({}), 'update'],
    [
      'updates a record with its agreed content after an unanswered update',
      candidate({ fingerprint: 'now', inDoubt: true }),
      'update',
    ],
    ['retries a refused change once its content differs', candidate({ state: 'rejected' }), 'update'],
    ['retries a refused record', candidate({ state: 'rejected', externalId: null, fingerprint: null }), 'create'],
    ['creates a record that was never sent', candidate(null), 'create'],
    ['archives the remote record of a record that the venue deleted', candidate({}, { deleted: true }), 'archive'],
    [
      'archives it even after a refusal or with invalid content',
      candidate({ state: 'rejected' }, { deleted: true, hasProblems: true }),
      'archive',
    ],
    ['archives it only once', candidate({ state: 'archived' }, { deleted: true }), 'unchanged'],
    [
      'archives nothing when the provider deleted it first',
      candidate({ state: 'gone' }, { deleted: true }),
      'unchanged',
    ],
    [
      'archives the remote record that its unanswered creation may have left',
      candidate({ state: 'pending', externalId: null }, { deleted: true }),
      'archive',
    ],
    [
      'archives nothing when the record was refused',
      candidate({ state: 'rejected', externalId: null }, { deleted: true }),
      'unchanged',
    ],
    ['never sends a record deleted before its first push', candidate(null, { deleted: true }), 'unchanged'],
    [
      'restores an archived record even with unchanged content',
      candidate({ state: 'archived', fingerprint: 'now' }),
      'update',
    ],
    [
      'recreates a record whose remote record was deleted permanently',
      candidate({ state: 'archived', externalId: null }),
      'create',
    ],
  ] as const)('%s', (_promise, given, decision) => {
    expect(decidePush(given)).toBe(decision);
  });

  it('never creates a record that has a remote record, and never writes one that is agreed or has problems', () => {
    fc.assert(
      fc.property(anyCandidate, (given) => {
        const decision = decidePush(given);
        const tied = given.link !== null && given.link.externalId !== null && given.link.state !== 'gone';
        if (tied) expect(['create', 'resolve']).not.toContain(decision);
        if (decision === 'update') expect(tied).toBe(true);
        const agreed = isAgreed(given);
        if (given.hasProblems || given.deleted || agreed)
          expect(['create', 'update', 'resolve']).not.toContain(decision);
      }),
      { numRuns: 300 },
    );
  });

  it('archives only what the venue deleted and what has, or may have, a remote record', () => {
    fc.assert(
      fc.property(anyCandidate, (given) => {
        if (decidePush(given) !== 'archive') return;
        expect(given.deleted).toBe(true);
        expect(given.link?.externalId != null || given.link?.state === 'pending').toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
