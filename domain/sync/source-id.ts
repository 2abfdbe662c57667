import { createHash } from 'node:crypto';
import type { Environment, ProviderId } from '../../contracts/providers.ts';

/** An account at a provider. Test mode and live mode are two accounts, also where the provider gives both one id, as Stripe does. */
export interface ProviderAccountName {
  readonly provider: ProviderId;
  readonly environment: Environment;
  readonly externalAccountId: string;
}

/** As the API promises it of every `sourceId`. */
const LONGEST = 255;

/**
 * The `sourceId` of a record that a pull creates: `provider:environment:account:id`. Provider ids are unique in one account only. What is
 * longer than a `sourceId` may be is cut and ends in the hash of the whole.
 *
 * `recordId` makes another one, for the rare case that the record of this name belongs to another object by now.
 */
export function pulledSourceId(
  { provider, environment, externalAccountId }: ProviderAccountName,
  externalId: string,
  recordId?: string,
): string {
  // Escaped, so that no account's id and object's id together read like another's.
  const account = externalAccountId.replaceAll('%', '%25').replaceAll(':', '%3A');
  const whole = [provider, environment, account, externalId, ...(recordId === undefined ? [] : [recordId])].join(':');
  if (whole.length <= LONGEST) return whole;
  const hash = createHash('sha256').update(whole).digest('hex');
  // The cut may fall between the halves of a surrogate pair.
  return `${whole.slice(0, LONGEST - hash.length - 1).toWellFormed()}:${hash}`;
}

/** What earlier releases called the same record, whatever account it came from. */
export const earlierSourceId = ({ provider }: Pick<ProviderAccountName, 'provider'>, externalId: string) =>
  `${provider}:${externalId}`;
