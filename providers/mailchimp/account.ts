import { z } from 'zod';
import type { Secret } from '../../vault/secret.ts';
import { parseAnswer } from '../grants.ts';
import { ProviderError } from '../provider-error.ts';
import type { ProviderAccount, SessionOptions } from '../provider.ts';
import { createTransport } from '../http/transport.ts';
import { MAILCHIMP_ERRORS } from './errors.ts';

export interface MailchimpConfig {
  readonly loginUrl: string;
  /** A stand-in's URL. Null: the account's own data centre. */
  readonly apiUrl: string | null;
  readonly app: { readonly id: string; readonly secret: Secret } | null;
}

const DATA_CENTRE = /^[a-z]{2,4}\d{1,3}$/;

/** The data centre of an OAuth token is known with its grant; an API key ends with it. */
export const dataCentreOf = ({
  secretKey,
  onBehalfOf,
}: Pick<SessionOptions, 'secretKey' | 'onBehalfOf'>): string | undefined =>
  onBehalfOf ?? /-([a-z0-9]+)$/.exec(secretKey.expose())?.[1];

/**
 * The URL of an account's API. The data centre becomes part of a host name that receives a token, so only Mailchimp's
 * own pattern is accepted.
 */
export function apiBaseOf({ apiUrl }: Pick<MailchimpConfig, 'apiUrl'>, dataCentre: string | undefined): string {
  if (dataCentre === undefined || !DATA_CENTRE.test(dataCentre))
    throw new ProviderError({ provider: 'mailchimp', kind: 'needs-reauth', code: 'no-data-centre' });
  return apiUrl ?? `https://${dataCentre}.api.mailchimp.com`;
}

const accountSchema = z.object({ account_id: z.string().min(1), account_name: z.string().nullish() });

export async function readMailchimpAccount(
  config: Pick<MailchimpConfig, 'apiUrl'>,
  options: SessionOptions,
): Promise<ProviderAccount> {
  const { secretKey, call, signal = new AbortController().signal } = options;
  const base = apiBaseOf(config, dataCentreOf(options));
  const answer = await createTransport({ provider: 'mailchimp', calls: { call, signal }, errors: MAILCHIMP_ERRORS })(
    `${base}/3.0/?fields=account_id,account_name`,
    {
      headers: { authorization: `Bearer ${secretKey.expose()}`, accept: 'application/json' },
    },
  );
  const { account_id, account_name } = parseAnswer('mailchimp', accountSchema, answer.body);
  return { externalAccountId: account_id, name: account_name ?? null, environment: 'production', scopes: [] };
}
