import { createHash } from 'node:crypto';
import type { Environment, ProviderId } from '../../../contracts/providers.ts';

/**
 * An account at a provider. Test mode and live mode are two accounts, even when the provider gives both the same id, as
 * Stripe does.
 */
export interface ProviderAccountName {
  readonly provider: ProviderId;
  readonly environment: Environment;
  readonly externalAccountId: string;
}

/** The API's limit on every `sourceId`. */
const LONGEST = 255;

/**
 * The `sourceId` of a record that a pull creates: `provider:environment:account:id`, because provider ids are unique
 * within one account only. Cuts a longer one and ends it with the hash of the whole.
 *
 * `recordId` makes it distinct in the rare case that the record with this name now belongs to another object.
 */
export function pulledSourceId(
  { provider, environment, externalAccountId }: ProviderAccountName,
  externalId: string,
  recordId?: string,
): string {
  // Escape separators, so that two pairs of account id and object id never give the same text.
  const account = externalAccountId.replaceAll('%', '%25').replaceAll(':', '%3A');
  const whole = [provider, environment, account, externalId, ...(recordId === undefined ? [] : [recordId])].join(':');
  if (whole.length <= LONGEST) return whole;
  const hash = createHash('sha256').update(whole).digest('hex');
  // The cut may split a surrogate pair.
  return `${whole.slice(0, LONGEST - hash.length - 1).toWellFormed()}:${hash}`;
}

/** The name that earlier releases gave the same record, regardless of its account. */
export const earlierSourceId = ({ provider }: Pick<ProviderAccountName, 'provider'>, externalId: string) =>
  `${provider}:${externalId}`;
