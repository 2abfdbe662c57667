import { randomUUID } from 'node:crypto';
import type { Owner } from './mailchimp-state.ts';

/** What a write causes beside the member that it names, and what the member or the audience's owner would notice. */
export interface SideEffect {
  readonly kind:
    | 'welcome-automation'
    | 'confirmation-sent'
    | 'resubscribed'
    | 'tag-automation'
    | 'unarchived'
    | 'write-without-change';
  /** The member's `contact_id`. */
  readonly of: string;
}

/** Writes side effects down; the control API shows them as `/state/side-effects`. */
export function noteSideEffects({ state, id: account, nowMs }: Owner, effects: readonly SideEffect[]): void {
  if (effects.length === 0) return;
  const at = new Date(nowMs).toISOString();
  state.put(
    account,
    'side-effects',
    effects.map((effect) => {
      const id = randomUUID();
      return [id, { id, at, ...effect }];
    }),
  );
}
