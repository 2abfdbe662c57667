import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decidePull, NOTHING_FOLLOWS } from '../../../domain/sync/pull-decision.ts';
import type { KnownRemote, PullDecision, PulledVersion } from '../../../domain/sync/pull-decision.ts';

interface Local {
  readonly content: string | null;
  readonly remote: KnownRemote;
}

const NEVER_SEEN: Local = {
  content: null,
  remote: { recordVersion: 0, recordDeleted: false, recordUpdatedAtMs: 0, link: null },
};

/** What the store does with a decision, on one record; `truth` answers for the provider when it has to be asked. */
function apply(local: Local | null, pulled: PulledVersion, truth: PulledVersion | null = null): Local | null {
  const decision = decidePull(pulled, local?.remote ?? null);
  if (decision === 'look-up') return truth === null ? local : apply(local, { ...truth, certain: true });
  return decision === 'ignore' ? local : write(decision, local ?? NEVER_SEEN, pulled);
}

function write(decision: PullDecision, before: Local, { version, fingerprint, deleted }: PulledVersion): Local {
  const { remote } = before;
  const link = {
    recordVersion: 0,
    syncedAtMs: 0,
    ...remote.link,
    externalVersion: Math.max(version, remote.link?.externalVersion ?? 0),
    metInThisRun: true,
  };
  if (deleted)
    return {
      ...before,
      remote: {
        ...remote,
        recordDeleted: remote.recordDeleted || decision === 'archive',
        link: { fingerprint: null, ...link, gone: true },
      },
    };
  if (decision === 'touch') return { ...before, remote: { ...remote, link: { ...link, gone: false, fingerprint } } };
  const recordVersion = remote.recordVersion + 1;
  return {
    content: fingerprint,
    remote: {
      ...remote,
      recordVersion,
      recordDeleted: false,
      link: { ...link, recordVersion, fingerprint, gone: false },
    },
  };
}

const play = (versions: readonly PulledVersion[], start: Local | null, truth: PulledVersion | null = null) =>
  versions.reduce<Local | null>((local, one) => apply(local, one, truth), start);
/** The next run has met nothing yet. */
const nextRun = (local: Local | null): Local | null =>
  local && {
    ...local,
    remote: { ...local.remote, link: local.remote.link && { ...local.remote.link, metInThisRun: false } },
  };

const pulled = (
  version: number,
  fingerprint: string | null = 'changed',
  more: Partial<PulledVersion> = {},
): PulledVersion => ({
  ...{ version, fingerprint, deleted: fingerprint === null, superseded: false, certain: false, deletedAtMs: null },
  ...more,
});
const edit = (content: number, index: number) => pulled((index + 1) * 1_000, `content ${content}`);

/** Contents of one record, oldest first, each an edit of the one before. */
const history = fc
  .array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 8 })
  .map((contents) => contents.map(edit));
/** As `history`, with deletions in between, after each of which the record is made again under its id. */
const lives = fc
  .array(fc.option(fc.integer({ min: 0, max: 3 })), { minLength: 1, maxLength: 8 })
  .map((contents) =>
    contents.map((content, index) => (content === null ? pulled((index + 1) * 1_000, null) : edit(content, index))),
  );

/** The same versions in any order, some of them again. */
const shuffled = (versions: readonly PulledVersion[]) =>
  fc
    .tuple(
      fc.shuffledSubarray([...versions], { minLength: versions.length }),
      fc.array(fc.constantFrom(...versions), { maxLength: 8 }),
    )
    .chain(([all, again]) => fc.shuffledSubarray([...all, ...again], { minLength: all.length + again.length }));
const withOrder = (versions: readonly PulledVersion[]) => fc.tuple(fc.constant(versions), shuffled(versions));

const known = (
  link: Partial<NonNullable<KnownRemote['link']>> = {},
  record: Partial<KnownRemote> = {},
): KnownRemote => ({
  recordVersion: 3,
  recordDeleted: false,
  recordUpdatedAtMs: 5_000,
  link: {
    externalVersion: 5_000,
    recordVersion: 3,
    fingerprint: 'agreed',
    gone: false,
    metInThisRun: false,
    syncedAtMs: 5_000,
    ...link,
  },
  ...record,
});
const FIRST = nextRun(play([pulled(500, 'first seen')], null));

describe('the decision on a pulled version', () => {
  it('ends with the newest version, whatever the order and however often each arrives', () => {
    fc.assert(
      fc.property(history.chain(withOrder), ([versions, order]) => {
        const end = play(order, null);
        expect(end?.content).toBe(versions.at(-1)?.fingerprint);
        expect(end?.remote).toMatchObject({
          recordDeleted: false,
          link: { externalVersion: versions.at(-1)?.version, gone: false },
        });
      }),
      { numRuns: 300 },
    );
  });

  it('ends as the provider does, alive or dead, whatever the order of deletions and of what was made again', () => {
    fc.assert(
      fc.property(lives.chain(withOrder), fc.boolean(), ([versions, order], inRunsOfTheirOwn) => {
        const last = versions.at(-1)!;
        const end = order.reduce((local, one) => apply(inRunsOfTheirOwn ? nextRun(local) : local, one, last), FIRST);
        expect(end?.remote).toMatchObject({
          recordDeleted: last.deleted,
          link: { gone: last.deleted, externalVersion: last.version },
        });
        if (!last.deleted) expect(end?.content).toBe(last.fingerprint);
      }),
      { numRuns: 1_000 },
    );
  });

  it('never brings back a record by a version that is older than its deletion', () => {
    fc.assert(
      fc.property(
        history.chain((versions) =>
          fc.tuple(shuffled(versions), fc.constant(pulled((versions.length + 1) * 1_000, null))),
        ),
        fc.boolean(),
        ([late, deletion], inRunsOfTheirOwn) => {
          const dead = play([deletion], FIRST);
          const end = late.reduce(
            (local, one) => apply(inRunsOfTheirOwn ? nextRun(local) : local, one, deletion),
            dead,
          );
          expect(end?.remote).toMatchObject({ recordDeleted: true, link: { gone: true } });
        },
      ),
      { numRuns: 300 },
    );
  });

  it('never brings back what another record has taken the place of', () => {
    fc.assert(
      fc.property(history.chain(shuffled), (order) => {
        const dead = play([pulled(NOTHING_FOLLOWS, null, { superseded: true, certain: true })], FIRST);
        expect(order.reduce((local, one) => apply(nextRun(local), one), dead)?.remote).toMatchObject({
          recordDeleted: true,
          link: { gone: true },
        });
      }),
      { numRuns: 200 },
    );
  });

  it('writes nothing a second time when all is repeated', () => {
    fc.assert(
      fc.property(
        lives.chain((versions) => fc.tuple(fc.constant(versions.at(-1)!), shuffled(versions), shuffled(versions))),
        ([last, first, second]) => {
          const settled = play(first, FIRST, last);
          const { content, remote } = play(second, settled, last)!;
          expect(content).toBe(settled?.content);
          expect(remote).toMatchObject({
            recordDeleted: settled?.remote.recordDeleted,
            link: { gone: settled?.remote.link?.gone },
          });
        },
      ),
      { numRuns: 200 },
    );
  });

  const GONE = { gone: true } as const;
  const DEAD = { recordDeleted: true } as const;
  it.each([
    ['a deletion of something never seen leaves no trace', pulled(1, null), null, 'ignore'],
    ['a deletion of a record that is not tied leaves it alone', pulled(1, null), known({}, { link: null }), 'ignore'],
    ['a new record is created', pulled(1), null, 'create'],
    ['a record that an own push has left is tied to its remote record', pulled(1), known({}, { link: null }), 'link'],
    ['an older version is ignored', pulled(4_999), known(), 'ignore'],
    ['the same version is ignored when the run has met it', pulled(5_000), known({ metInThisRun: true }), 'ignore'],
    ['the same version again, in a later run, changes nothing', pulled(5_000, 'agreed'), known(), 'touch'],
    ['a change in the second of the one that an earlier run applied is taken', pulled(5_000), known(), 'update'],
    [
      'a record that was looked up is taken, whatever its version',
      pulled(4_000, 'changed', { certain: true }),
      known({ metInThisRun: true }),
      'update',
    ],

    ['a deletion archives the record', pulled(9_000, null), known(), 'archive'],
    ['a deletion in the second of the last version archives the record', pulled(5_000, null), known(), 'archive'],
    ['a deletion that seems older than the last version is looked up', pulled(4_000, null), known(), 'look-up'],
    [
      'a deletion is looked up when the run has met the remote record',
      pulled(9_000, null),
      known({ metInThisRun: true }),
      'look-up',
    ],
    [
      'a deletion that was looked up is believed, whatever its version',
      pulled(4_000, null, { certain: true }),
      known({ metInThisRun: true }),
      'archive',
    ],
    ['a newer deletion of what is gone only moves the version', pulled(9_000, null), known(GONE, DEAD), 'touch'],
    ['a deletion of what is gone is ignored', pulled(5_000, null), known(GONE, DEAD), 'ignore'],

    [
      'what the venue wrote after the deletion is kept',
      pulled(6_000, null, { deletedAtMs: 6_000 }),
      known({}, { recordVersion: 4, recordUpdatedAtMs: 6_000 }),
      'keep',
    ],
    [
      'what the venue wrote before the deletion is archived',
      pulled(6_000, null, { deletedAtMs: 6_000 }),
      known({}, { recordVersion: 4, recordUpdatedAtMs: 5_999 }),
      'archive',
    ],
    [
      'what the venue wrote since the remote record was last there is kept when nobody knows when it was deleted',
      pulled(9_000, null, { certain: true }),
      known({}, { recordVersion: 4, recordUpdatedAtMs: 5_000 }),
      'keep',
    ],
    [
      'what the venue wrote before the remote record was last there is archived',
      pulled(9_000, null, { certain: true }),
      known({}, { recordVersion: 4, recordUpdatedAtMs: 4_999 }),
      'archive',
    ],
    [
      'what is as it was agreed is archived, however late it was written',
      pulled(6_000, null, { deletedAtMs: 6_000 }),
      known({}, { recordUpdatedAtMs: 9_000 }),
      'archive',
    ],
    [
      'what the venue deleted too is archived',
      pulled(6_000, null, { deletedAtMs: 6_000 }),
      known({}, { recordVersion: 4, recordUpdatedAtMs: 9_000, ...DEAD }),
      'archive',
    ],
    [
      'what another record has taken the place of is archived, although the venue wrote it',
      pulled(NOTHING_FOLLOWS, null, { superseded: true, certain: true }),
      known({}, { recordVersion: 4, recordUpdatedAtMs: 9_000 }),
      'archive',
    ],

    ['what was made again after its deletion is alive', pulled(9_000), known(GONE, DEAD), 'revive'],
    ['what was made again is alive with its old content too', pulled(9_000, 'agreed'), known(GONE, DEAD), 'revive'],
    [
      'what was made again is taken over a record that was kept',
      pulled(9_000),
      known(GONE, { recordVersion: 4 }),
      'overwrite',
    ],
    ['what may be of the second of the deletion is looked up', pulled(4_999), known(GONE, DEAD), 'look-up'],
    [
      'what may be of the second of the deletion is alive when it was looked up',
      pulled(4_999, 'changed', { certain: true }),
      known(GONE, DEAD),
      'revive',
    ],
    ['what the run has met is looked up once', pulled(4_999), known({ ...GONE, metInThisRun: true }, DEAD), 'ignore'],

    ['an edit that changes nothing of ours only moves the version', pulled(9_000, 'agreed'), known(), 'touch'],
    ['the deletion by the venue stands against an edit at the provider', pulled(9_000), known({}, DEAD), 'touch'],
    ['an edit is taken', pulled(9_000), known(), 'update'],
    ['an edit on both sides is taken and told', pulled(9_000), known({}, { recordVersion: 4 }), 'overwrite'],
    [
      'an own change stays when the provider has not changed',
      pulled(9_000, 'agreed'),
      known({}, { recordVersion: 4 }),
      'touch',
    ],
  ] as const)('%s', (_promise, version, remote, decision) => {
    expect(decidePull(version, remote)).toBe(decision);
  });
});
