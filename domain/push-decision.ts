export interface PushCandidate {
  /** Of the record as it would be written now. */
  readonly fingerprint: string;
  readonly hasProblems: boolean;
  readonly link: {
    readonly externalId: string | null;
    readonly fingerprint: string | null;
    readonly state: 'pending' | 'linked' | 'rejected' | 'gone';
  } | null;
}

export type PushDecision = 'create' | 'update' | 'unchanged' | 'reject' | 'deleted-at-provider' | 'resolve';

/** What a push does with one record. Zero writes for everything that is as it was last agreed. */
export function decidePush({ fingerprint, hasProblems, link }: PushCandidate): PushDecision {
  if (link?.state === 'gone') return 'deleted-at-provider';
  const tied = link !== null && link.externalId !== null;
  if (tied && link.fingerprint === fingerprint) return 'unchanged';
  if (hasProblems) return 'reject';
  if (tied) return 'update';
  return link?.state === 'pending' ? 'resolve' : 'create';
}
