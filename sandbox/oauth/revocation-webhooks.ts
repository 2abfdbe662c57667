import type { Webhook, WebhookQueue } from '../core/webhook-queue.ts';
import type { Grant } from './ledger-rows.ts';

/** A grant that has ended. */
export type EndedGrant = Pick<Grant, 'account' | 'app' | 'endedBy'> & { readonly endedAtMs: number };

/** Builds one provider's revocation webhook. */
export type RevocationWriter = (ended: EndedGrant) => Pick<Webhook, 'type' | 'deliver'>;

/** Sends one revocation webhook per account and application, however many of its grants ended. */
export function tellOfRevocations(
  queue: WebhookQueue,
  write: RevocationWriter,
): (grants: readonly EndedGrant[]) => void {
  return (grants) => {
    for (const ended of new Map(grants.map((grant) => [`${grant.app} ${grant.account}`, grant])).values())
      queue.send({ ...write(ended), account: ended.account });
  };
}
