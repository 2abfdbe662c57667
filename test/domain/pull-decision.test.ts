import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decidePull } from '../../domain/pull-decision.ts';
import type { KnownTwin, PulledVersion } from '../../domain/pull-decision.ts';

interface Local {
  readonly content: string | null;
  readonly twin: KnownTwin;
}

const NOTHING: Local = { content: null, twin: { recordVersion: 0, recordDeleted: false, link: null } };

/** What the store does with a decision, on one record. */
function apply(local: Local | null, pulled: PulledVersion): Local | null {
  const decision = decidePull(pulled, local?.twin ?? null);
  if (decision === 'ignore') return local;
  const before = local ?? NOTHING;
  return decision === 'touch' || decision === 'archive' ? seen(before, pulled, decision === 'archive') : taken(before, pulled);
}

function seen({ content, twin }: Local, { version, fingerprint }: PulledVersion, gone: boolean): Local {
  const link = { externalVersion: version, recordVersion: 0, ...twin.link, fingerprint: fingerprint ?? twin.link?.fingerprint ?? null, gone, metInThisRun: true };
  return { content, twin: { ...twin, recordDeleted: twin.recordDeleted || gone, link: { ...link, externalVersion: version } } };
}

function taken({ twin }: Local, { version, fingerprint }: PulledVersion): Local {
  const recordVersion = twin.recordVersion + 1;
  return { content: fingerprint, twin: { ...twin, recordVersion, link: { externalVersion: version, recordVersion, fingerprint, gone: false, metInThisRun: true } } };
}

const play = (versions: readonly PulledVersion[], start: Local | null) => versions.reduce<Local | null>(apply, start);

/** Contents of one record, oldest first, each an edit of the one before. */
const history = fc
  .array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 8 })
  .map((contents) => contents.map((content, index): PulledVersion => ({ version: (index + 1) * 1_000, deleted: false, fingerprint: `content ${content}` })));

/** The same versions in any order, some of them again. */
const shuffled = (versions: readonly PulledVersion[]) =>
  fc.tuple(fc.shuffledSubarray([...versions], { minLength: versions.length }), fc.array(fc.constantFrom(...versions), { maxLength: 8 })).chain(([all, again]) =>
    fc.shuffledSubarray([...all, ...again], { minLength: all.length + again.length }),
  );

const known = (link: Partial<NonNullable<KnownTwin['link']>> = {}, record: Partial<KnownTwin> = {}): KnownTwin => ({
  recordVersion: 3,
  recordDeleted: false,
  link: { externalVersion: 5_000, recordVersion: 3, fingerprint: 'agreed', gone: false, metInThisRun: false, ...link },
  ...record,
});
const pulled = (version: number, fingerprint: string | null = 'changed'): PulledVersion => ({ version, deleted: fingerprint === null, fingerprint });

describe('the decision on a pulled version', () => {
  it('ends with the newest version, whatever the order and however often each arrives', () => {
    fc.assert(
      fc.property(history.chain((versions) => fc.tuple(fc.constant(versions), shuffled(versions))), ([versions, order]) => {
        const end = play(order, null);
        expect(end?.content).toBe(versions.at(-1)?.fingerprint);
        expect(end?.twin).toMatchObject({ recordDeleted: false, link: { externalVersion: versions.at(-1)?.version, gone: false } });
      }),
      { numRuns: 300 },
    );
  });

  it('never brings back a known record that was deleted, whatever arrives in whatever order', () => {
    const first = play([pulled(500, 'first seen')], null);
    fc.assert(
      fc.property(history.chain((versions) => shuffled([...versions, pulled((versions.length + 1) * 1_000, null)])), (order) => {
        expect(play(order, first)?.twin).toMatchObject({ recordDeleted: true, link: { gone: true } });
      }),
      { numRuns: 300 },
    );
  });

  it('believes a deletion that two clocks have dated before the last reading', () => {
    expect(decidePull(pulled(4_000, null), known())).toBe('archive');
    expect(decidePull(pulled(5_000, null), known())).toBe('archive');
  });

  it('writes nothing a second time when all is repeated', () => {
    fc.assert(
      fc.property(history.chain((versions) => fc.tuple(shuffled(versions), shuffled(versions))), ([first, second]) => {
        const settled = play(first, null);
        expect(play(second, settled)).toEqual(settled);
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    ['a deletion of something never seen leaves no trace', pulled(1, null), null, 'ignore'],
    ['a deletion of a record that is not tied leaves it alone', pulled(1, null), known({}, { link: null }), 'ignore'],
    ['a new record is created', pulled(1), null, 'create'],
    ['a record that an own push has left is tied to its twin', pulled(1), known({}, { link: null }), 'adopt'],
    ['an older version is ignored', pulled(4_999), known(), 'ignore'],
    ['the same version is ignored when the run has met it', pulled(5_000), known({ metInThisRun: true }), 'ignore'],
    ['the same version again, in a later run, changes nothing', pulled(5_000, 'agreed'), known(), 'touch'],
    ['a change in the second of the one that an earlier run applied is taken', pulled(5_000), known(), 'update'],
    ['an edit after the deletion is ignored', pulled(9_000), known({ gone: true }), 'ignore'],
    ['a second deletion is ignored', pulled(9_000, null), known({ gone: true }), 'ignore'],
    ['an edit that changes nothing of ours only moves the version', pulled(9_000, 'agreed'), known(), 'touch'],
    ['the deletion by the venue stands against an edit at the provider', pulled(9_000), known({}, { recordDeleted: true }), 'touch'],
    ['an edit is taken', pulled(9_000), known(), 'update'],
    ['an edit on both sides is taken and told', pulled(9_000), known({}, { recordVersion: 4 }), 'overwrite'],
    ['an own change stays when the provider has not changed', pulled(9_000, 'agreed'), known({}, { recordVersion: 4 }), 'touch'],
  ] as const)('%s', (_promise, version, twin, decision) => {
    expect(decidePull(version, twin)).toBe(decision);
  });
});
