import { z } from 'zod';
import type { Environment } from '../../contracts/providers.ts';
import type { Secret } from '../../vault/secret.ts';
import { parseAnswer } from '../grants.ts';
import { ProviderError } from '../provider-error.ts';
import type { ProviderAccount, SessionOptions } from '../provider.ts';
import { createTransport } from '../http/transport.ts';
import { CALL_CLASS } from './http/limits.ts';
import { QUICKBOOKS_ERRORS } from './errors.ts';

export interface QuickBooksConfig {
  readonly apiUrl: string;
  readonly authorizeUrl: string;
  readonly tokenUrl: string;
  readonly revokeUrl: string;
  readonly environment: Environment;
  readonly app: { readonly id: string; readonly secret: Secret } | null;
}

/**
 * All lower minor versions get the answers of this one
 * (https://blogs.intuit.com/2025/01/21/changes-to-our-accounting-api-that-may-impact-your-application/, read
 * 2026-11-21).
 */
export const MINOR_VERSION = '75';

const companySchema = z.object({ CompanyInfo: z.object({ CompanyName: z.string().nullish() }) });

/** The company of a realm id. It becomes part of a path, so only digits are accepted. */
export function realmOf(text: string | null | undefined): string {
  if (text && /^\d{1,32}$/.test(text)) return text;
  throw new ProviderError({ provider: 'quickbooks', kind: 'rejected', code: 'realm-missing' });
}

/** The realm id identifies the account: the company's own `Id` is 1 in every company. */
export async function readCompany(
  { apiUrl, environment }: Pick<QuickBooksConfig, 'apiUrl' | 'environment'>,
  { secretKey, onBehalfOf, call, signal = new AbortController().signal }: SessionOptions,
): Promise<ProviderAccount> {
  const realm = realmOf(onBehalfOf);
  const calls = { provider: 'quickbooks', calls: { call, signal }, errors: QUICKBOOKS_ERRORS };
  const answer = await createTransport({ ...calls, callClasses: [CALL_CLASS.read] })(
    `${apiUrl}/v3/company/${realm}/companyinfo/${realm}?minorversion=${MINOR_VERSION}`,
    {
      headers: { authorization: `Bearer ${secretKey.expose()}`, accept: 'application/json' },
    },
  );
  const { CompanyInfo } = parseAnswer('quickbooks', companySchema, answer.body);
  return { externalAccountId: realm, name: CompanyInfo.CompanyName ?? null, environment, scopes: [] };
}
