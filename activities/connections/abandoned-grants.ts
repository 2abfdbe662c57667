import type { ConnectionRef } from '../../contracts/ids.ts';
import { isRunning } from '../running-workflow.ts';
import { revokeRejected } from './rejected-grant.ts';
import type { RejectedGrantDeps } from './rejected-grant.ts';

/** A run of the retention has other tables to come to; the next one goes on. */
const MAX_AT_A_TIME = 100;

/** What attempts to connect have left at providers: nobody uses it, and without its row nobody could end it. */
export interface AbandonedGrants {
  /**
   * Revokes what terminated attempts of every venue have left. What cannot be revoked now stays for the next time, until its row is a day old.
   * `mayGoOn` is asked before each.
   */
  revokeAll(mayGoOn: () => boolean): Promise<void>;
  /** Revokes what attempts have left with one connection that is being disconnected. Never throws for what a provider answers. */
  revokeOf(ref: ConnectionRef): Promise<void>;
}

export function createAbandonedGrants(deps: RejectedGrantDeps): AbandonedGrants {
  return {
    async revokeAll(mayGoOn) {
      for (const attempt of await deps.exchanges.listAbandoned(MAX_AT_A_TIME)) {
        if (!mayGoOn()) return;
        // One that nobody has worked on for an hour, such as in an outage of Temporal or of the workers, still needs its grant.
        if (await isRunning(attempt.attemptId)) continue;
        if ((await revokeRejected(deps, attempt)) !== 'failed') await deps.exchanges.end(attempt);
      }
    },
    async revokeOf(ref) {
      for (const attempt of await deps.exchanges.listGranted(ref)) await revokeRejected(deps, attempt);
    },
  };
}
