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
  if (link?.externalId != null && link.fingerprint === fingerprint) return 'unchanged';
  if (hasProblems) return 'reject';
  if (link?.externalId != null) return 'update';
  return link?.state === 'pending' ? 'resolve' : 'create';
}
