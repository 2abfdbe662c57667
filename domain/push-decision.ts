import type { LinkState } from '../contracts/records.ts';

export interface PushCandidate {
  /** Of the record as it would be written now. */
  readonly fingerprint: string;
  readonly hasProblems: boolean;
  /** Deleted by the venue. */
  readonly deleted: boolean;
  readonly link: {
    readonly externalId: string | null;
    readonly fingerprint: string | null;
    readonly state: LinkState;
  } | null;
}

export type PushDecision = 'create' | 'update' | 'archive' | 'unchanged' | 'reject' | 'deleted-at-provider' | 'resolve';

/** What a push does with one record. Zero writes for everything that is as it was last agreed. */
export function decidePush({ fingerprint, hasProblems, deleted, link }: PushCandidate): PushDecision {
  if (deleted) return link === null || link.externalId === null || link.state === 'gone' || link.state === 'archived' ? 'unchanged' : 'archive';
  if (link?.state === 'gone') return 'deleted-at-provider';
  const tied = link !== null && link.externalId !== null;
  if (tied && link.fingerprint === fingerprint && link.state !== 'archived') return 'unchanged';
  if (hasProblems) return 'reject';
  if (tied) return 'update';
  return link?.state === 'pending' ? 'resolve' : 'create';
}
