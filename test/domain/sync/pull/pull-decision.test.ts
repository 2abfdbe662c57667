import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decidePull, NOTHING_FOLLOWS } from '../../../../domain/sync/pull/pull-decision.ts';
import type { KnownRemote, PullDecision, PulledVersion } from '../../../../domain/sync/pull/pull-decision.ts';

interface Local {
  readonly content: string | null;
  readonly remote: KnownRemote;
}

const NEVER_SEEN: Local = {
  content: null,
  remote: { recordVersion: 0, recordDeleted: false, recordUpdatedAtMs: 0, link: null },
};

/** Applies a decision to one record as the store does. `truth` is the provider's answer when it has to be asked. */
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
    mappingVersion: 0,
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
/** The state at the start of another run, which has not read any remote record. */
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
  mappingVersion: 0,
  beforeHistory: false,
  ...more,
});
const edit = (content: number, index: number) => pulled((index + 1) * 1_000, `content ${content}`);

/** Contents of one record, oldest first, each an edit of the previous. */
const history = fc
  .array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 8 })
  .map((contents) => contents.map(edit));
/** Like `history`, with deletions in between, each followed by a recreation under the same id. */
const lives = fc
  .array(fc.option(fc.integer({ min: 0, max: 3 })), { minLength: 1, maxLength: 8 })
  .map((contents) =>
    contents.map((content, index) => (content === null ? pulled((index + 1) * 1_000, null) : edit(content, index))),
  );

/** The same versions in any order, with some repeated. */
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
    mappingVersion: 0,
    ...link,
  },
  ...record,
});
const FIRST = nextRun(play([pulled(500, 'first seen')], null));

describe('the decision on a pulled version', () => {
  it('reads an unchanged record again once when another field mapping applies', () => {
    const same = pulled(6_000, 'agreed', { mappingVersion: 2 });
    expect(decidePull(same, known())).toBe('update');
    expect(decidePull(same, known({ mappingVersion: 2 }))).toBe('touch');
  });

  it('keeps what the venue has changed since, whatever mapping applies', () => {
    expect(decidePull(pulled(6_000, 'agreed', { mappingVersion: 2 }), known({}, { recordVersion: 4 }))).toBe('touch');
    expect(decidePull(pulled(6_000, 'agreed', { mappingVersion: 2 }), known({}, { recordDeleted: true }))).toBe(
      'touch',
    );
  });

  it('ends with the newest version for any order and any repetition', () => {
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

  it('ends in the provider’s state for any order of deletions and recreations', () => {
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

  it('never restores a record from a version older than its deletion', () => {
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

  it('never restores a record that another one has replaced', () => {
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

  it('writes nothing when everything is repeated', () => {
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
    ['ignores a deletion of an unknown object', pulled(1, null), null, 'ignore'],
    ['ignores a deletion for a record without a link', pulled(1, null), known({}, { link: null }), 'ignore'],
    ['creates a new record', pulled(1), null, 'create'],
    ['links a record that our own push left to its remote record', pulled(1), known({}, { link: null }), 'link'],
    ['ignores an older version', pulled(4_999), known(), 'ignore'],
    ['ignores the same version when this run has read it', pulled(5_000), known({ metInThisRun: true }), 'ignore'],
    ['changes nothing for the same version in a later run', pulled(5_000, 'agreed'), known(), 'touch'],
    ['takes a change in the same second as the one an earlier run applied', pulled(5_000), known(), 'update'],
    [
      'looks up what differs from an event that was applied since the run began, although it seems newer',
      pulled(6_000),
      known({ storedMeanwhile: true }),
      'look-up',
    ],
    [
      'changes nothing for what such an event has told already',
      pulled(5_000, 'agreed'),
      known({ storedMeanwhile: true }),
      'touch',
    ],
    ['ignores an older version than such an event', pulled(4_999), known({ storedMeanwhile: true }), 'ignore'],
    [
      'takes a looked-up record, whatever its version',
      pulled(4_000, 'changed', { certain: true }),
      known({ metInThisRun: true }),
      'update',
    ],

    ['archives the record on a deletion', pulled(9_000, null), known(), 'archive'],
    ['archives the record on a deletion in the second of the last version', pulled(5_000, null), known(), 'archive'],
    ['looks up a deletion that seems older than the last version', pulled(4_000, null), known(), 'look-up'],
    [
      'looks up a deletion when this run has read the remote record',
      pulled(9_000, null),
      known({ metInThisRun: true }),
      'look-up',
    ],
    [
      'accepts a looked-up deletion, whatever its version',
      pulled(4_000, null, { certain: true }),
      known({ metInThisRun: true }),
      'archive',
    ],
    [
      'only advances the version on a newer deletion of a remote record that is gone',
      pulled(9_000, null),
      known(GONE, DEAD),
      'touch',
    ],
    ['ignores an older deletion of a remote record that is gone', pulled(5_000, null), known(GONE, DEAD), 'ignore'],

    [
      'keeps a record that the venue wrote after the deletion',
      pulled(6_000, null, { deletedAtMs: 6_000 }),
      known({}, { recordVersion: 4, recordUpdatedAtMs: 6_000 }),
      'keep',
    ],
    [
      'archives a record that the venue wrote before the deletion',
      pulled(6_000, null, { deletedAtMs: 6_000 }),
      known({}, { recordVersion: 4, recordUpdatedAtMs: 5_999 }),
      'archive',
    ],
    [
      'keeps a record written since the remote record last existed, when the time of deletion is unknown',
      pulled(9_000, null, { certain: true }),
      known({}, { recordVersion: 4, recordUpdatedAtMs: 5_000 }),
      'keep',
    ],
    [
      'archives a record written before the remote record last existed',
      pulled(9_000, null, { certain: true }),
      known({}, { recordVersion: 4, recordUpdatedAtMs: 4_999 }),
      'archive',
    ],
    [
      'archives a record that is unchanged since both sides agreed, however recently it was written',
      pulled(6_000, null, { deletedAtMs: 6_000 }),
      known({}, { recordUpdatedAtMs: 9_000 }),
      'archive',
    ],
    [
      'archives a record that the venue also deleted',
      pulled(6_000, null, { deletedAtMs: 6_000 }),
      known({}, { recordVersion: 4, recordUpdatedAtMs: 9_000, ...DEAD }),
      'archive',
    ],
    [
      'archives a record that another one has replaced, although the venue wrote it',
      pulled(NOTHING_FOLLOWS, null, { superseded: true, certain: true }),
      known({}, { recordVersion: 4, recordUpdatedAtMs: 9_000 }),
      'archive',
    ],

    ['revives a record that was recreated after its deletion', pulled(9_000), known(GONE, DEAD), 'revive'],
    ['revives a recreated record with its old content', pulled(9_000, 'agreed'), known(GONE, DEAD), 'revive'],
    ['overwrites a kept record with its recreation', pulled(9_000), known(GONE, { recordVersion: 4 }), 'overwrite'],
    ['looks up a version that may be from the second of the deletion', pulled(4_999), known(GONE, DEAD), 'look-up'],
    [
      'revives a looked-up version that may be from the second of the deletion',
      pulled(4_999, 'changed', { certain: true }),
      known(GONE, DEAD),
      'revive',
    ],
    ['looks up a version only once in a run', pulled(4_999), known({ ...GONE, metInThisRun: true }, DEAD), 'ignore'],

    ['only advances the version on an edit of fields we do not map', pulled(9_000, 'agreed'), known(), 'touch'],
    ['keeps the venue’s deletion despite an edit at the provider', pulled(9_000), known({}, DEAD), 'touch'],
    ['takes an edit', pulled(9_000), known(), 'update'],
    [
      'takes the provider’s edit and reports a conflict when both sides edited',
      pulled(9_000),
      known({}, { recordVersion: 4 }),
      'overwrite',
    ],
    [
      'keeps the venue’s own change when the provider has not changed',
      pulled(9_000, 'agreed'),
      known({}, { recordVersion: 4 }),
      'touch',
    ],
  ] as const)('%s', (_promise, version, remote, decision) => {
    expect(decidePull(version, remote)).toBe(decision);
  });
});
