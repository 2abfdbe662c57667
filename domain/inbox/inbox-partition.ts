import { hash } from 'node:crypto';
import type { Environment } from '../../contracts/providers.ts';
import { INBOX_PARTITIONS } from '../../contracts/inbox.ts';

/** The partition of an event, by what is common to all events whose order matters: its account, or else its own key. */
export function inboxPartitionOf(provider: string, key: string): number {
  return hash('sha256', `${provider}\n${key}`, 'buffer').readUInt32BE(0) % INBOX_PARTITIONS;
}

/** The partition of an account's events. */
export const accountPartitionOf = (
  provider: string,
  account: { readonly environment: Environment; readonly externalAccountId: string },
): number => inboxPartitionOf(provider, `${account.environment}/${account.externalAccountId}`);
