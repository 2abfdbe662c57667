import { z } from 'zod';
import type { Environment } from '../../contracts/providers.ts';
import type { Secret } from '../../vault/secret.ts';
import { createAccountAdapter } from '../account-adapter.ts';
import { parseAnswer } from '../grants.ts';
import { ProviderError } from '../provider-error.ts';
import type { ProviderErrorKind } from '../provider-error.ts';
import type { ProviderAccount, SessionOptions } from '../provider.ts';
import { createTransport } from '../transport.ts';
import type { Answer } from '../transport.ts';
import { faultIn } from './faults.ts';
import type { Fault } from './faults.ts';

export interface QuickBooksConfig {
  readonly apiUrl: string;
  readonly authorizeUrl: string;
  readonly tokenUrl: string;
  readonly revokeUrl: string;
  readonly environment: Environment;
  readonly app: { readonly id: string; readonly secret: Secret } | null;
}

/** All minor versions below are answered as this one (https://blogs.intuit.com/2025/01/21/changes-to-our-accounting-api-that-may-impact-your-application/, read 2026-11-21). */
export const MINOR_VERSION = '75';

/** `onBehalfOf` is the company: the token alone does not tell it. */
export function createQuickBooksAdapter(config: QuickBooksConfig): ReturnType<typeof createAccountAdapter> {
  return createAccountAdapter('quickbooks', (options) => readCompany(config, options));
}

const companySchema = z.object({ CompanyInfo: z.object({ CompanyName: z.string().nullish() }) });

/** The company that a realm id names. It goes into a path, so nothing but digits is let through. */
export function realmOf(text: string | null | undefined): string {
  if (text && /^\d{1,32}$/.test(text)) return text;
  throw new ProviderError({ provider: 'quickbooks', kind: 'rejected', code: 'realm-missing' });
}

/** The realm id stays the account's: the company's own `Id` is 1 in every company. */
export async function readCompany(
  { apiUrl, environment }: Pick<QuickBooksConfig, 'apiUrl' | 'environment'>,
  { secretKey, onBehalfOf, call, signal = new AbortController().signal }: SessionOptions,
): Promise<ProviderAccount> {
  const realm = realmOf(onBehalfOf);
  const answer = await createTransport({ provider: 'quickbooks', calls: { call, signal } })(
    `${apiUrl}/v3/company/${realm}/companyinfo/${realm}?minorversion=${MINOR_VERSION}`,
    {
      headers: { authorization: `Bearer ${secretKey.expose()}`, accept: 'application/json' },
    },
  );
  const fault = faultIn(answer.body);
  if (answer.status >= 400 || fault) throw refusedCall(answer, fault);
  const { CompanyInfo } = parseAnswer('quickbooks', companySchema, answer.body);
  return { externalAccountId: realm, name: CompanyInfo.CompanyName ?? null, environment, scopes: [] };
}

function refusedCall({ status, body, refusesToken, requestId }: Answer, fault: Fault | null): ProviderError {
  const details = { provider: 'quickbooks', httpStatus: status, code: fault?.code, requestId } as const;
  if (refusesToken) return new ProviderError({ ...details, kind: 'needs-reauth' });
  if (body === null) return new ProviderError({ ...details, kind: 'unexpected-response' });
  return new ProviderError({ ...details, kind: kindOf(status, fault) });
}

/** Status 200 says nothing where there is a fault: its code and its type do. */
function kindOf(status: number, fault: Fault | null): ProviderErrorKind {
  const { code = '', type = '' } = fault ?? {};
  // The company has disconnected the app. In an outage the gateway uses the code too (https://github.com/minimul/qbo_api/issues/81, read 2026-11-28).
  if (code === '3100' && status === 403) return 'needs-reauth';
  return KINDS_BY_CODE[code] ?? (TROUBLE.has(type) ? 'unavailable' : 'rejected');
}

/** 3200: the token has ended or was taken back. 3001: too many requests. */
const KINDS_BY_CODE: Readonly<Record<string, ProviderErrorKind>> = { 3200: 'needs-reauth', 3001: 'rate-limited' };
/** Of the service, and of the gateway in front of it. */
const TROUBLE: ReadonlySet<string> = new Set(['SystemFault', 'SERVICE']);
