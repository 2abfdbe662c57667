import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decidePush } from '../../../domain/sync/push-decision.ts';
import type { PushCandidate } from '../../../domain/sync/push-decision.ts';

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
    ['creates a live record anew that the provider has deleted', candidate({ state: 'gone' }), 'create'],
    [
      'creates it anew although its content is as it was agreed',
      candidate({ state: 'gone', fingerprint: 'now' }),
      'create',
    ],
    [
      'refuses what was deleted at the provider and would be refused now',
      candidate({ state: 'gone' }, { hasProblems: true }),
      'reject',
    ],
    [
      'looks an unknown outcome up before it writes',
      candidate({ state: 'pending', externalId: null, fingerprint: null }),
      'resolve',
    ],
    ['refuses what the provider would refuse', candidate(null, { hasProblems: true }), 'reject'],
    ['refuses a change that the provider would refuse', candidate({}, { hasProblems: true }), 'reject'],
    [
      'refuses a pending record that the provider would refuse',
      candidate({ state: 'pending', externalId: null }, { hasProblems: true }),
      'reject',
    ],
    ['leaves alone what is as it was agreed', candidate({ fingerprint: 'now' }), 'unchanged'],
    [
      'leaves alone what is as it was agreed before a later version was refused',
      candidate({ fingerprint: 'now', state: 'rejected' }),
      'unchanged',
    ],
    ['updates what has changed', candidate({}), 'update'],
    [
      'updates what is as agreed again after an update that was never answered',
      candidate({ fingerprint: 'now', inDoubt: true }),
      'update',
    ],
    ['tries a refused change again once it is another', candidate({ state: 'rejected' }), 'update'],
    ['tries a refused record again', candidate({ state: 'rejected', externalId: null, fingerprint: null }), 'create'],
    ['creates what was never sent', candidate(null), 'create'],
    ['takes the remote record of what the venue deleted out of use', candidate({}, { deleted: true }), 'archive'],
    [
      'takes it out of use although it was refused at last, or would be',
      candidate({ state: 'rejected' }, { deleted: true, hasProblems: true }),
      'archive',
    ],
    ['takes it out of use once', candidate({ state: 'archived' }, { deleted: true }), 'unchanged'],
    [
      'has nothing to take out of use where the provider deleted it first',
      candidate({ state: 'gone' }, { deleted: true }),
      'unchanged',
    ],
    [
      'looks for the remote record that an unanswered creation of it may have left',
      candidate({ state: 'pending', externalId: null }, { deleted: true }),
      'archive',
    ],
    [
      'has nothing to take out of use where it was refused',
      candidate({ state: 'rejected', externalId: null }, { deleted: true }),
      'unchanged',
    ],
    ['never sends what was deleted before it was sent', candidate(null, { deleted: true }), 'unchanged'],
    [
      'brings back what it archived, unchanged as it is',
      candidate({ state: 'archived', fingerprint: 'now' }),
      'update',
    ],
    ['creates anew what was deleted for good', candidate({ state: 'archived', externalId: null }), 'create'],
  ] as const)('%s', (_promise, given, decision) => {
    expect(decidePush(given)).toBe(decision);
  });

  it('never creates what has a remote record, and never writes what is agreed or has problems', () => {
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

  it('takes out of use only what the venue deleted and what has, or may have, a remote record', () => {
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
