import type { LinkState } from '../../../contracts/records.ts';

export interface PushCandidate {
  /** Fingerprint of the record as it would be written now; null for one that cannot be. */
  readonly fingerprint: string | null;
  readonly hasProblems: boolean;
  /** Deleted by the venue. */
  readonly deleted: boolean;
  readonly link: {
    readonly externalId: string | null;
    readonly fingerprint: string | null;
    readonly state: LinkState;
    /** An update was sent and never answered, so the remote record may have an intermediate version. */
    readonly inDoubt: boolean;
  } | null;
}

export type PushDecision = 'create' | 'update' | 'archive' | 'unchanged' | 'reject' | 'resolve';

/**
 * What a push does with one record. Records that both sides agree on cause no writes. A live record whose remote record
 * is gone was written after the deletion, because a pull would otherwise have deleted it: it is created again.
 */
export function decidePush(candidate: PushCandidate): PushDecision {
  const { hasProblems, deleted, link } = candidate;
  if (deleted) return mayBeInUse(link) ? 'archive' : 'unchanged';
  if (isAgreed(candidate)) return 'unchanged';
  return hasProblems ? 'reject' : writeOf(link);
}

function isAgreed({ fingerprint, link }: PushCandidate): boolean {
  if (link === null || link.externalId === null || link.inDoubt) return false;
  return fingerprint !== null && link.fingerprint === fingerprint && link.state !== 'archived' && link.state !== 'gone';
}

/** An unanswered first write may have created a remote record. */
function mayBeInUse(link: PushCandidate['link']): boolean {
  if (link === null || link.state === 'gone' || link.state === 'archived') return false;
  return link.externalId !== null || link.state === 'pending';
}

function writeOf(link: PushCandidate['link']): PushDecision {
  if (link !== null && link.externalId !== null && link.state !== 'gone') return 'update';
  return link?.state === 'pending' ? 'resolve' : 'create';
}
