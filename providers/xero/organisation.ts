import { z } from 'zod';
import type { Secret } from '../../vault/secret.ts';
import { parseAnswer } from '../grants.ts';
import type { OAuthCalls } from '../oauth.ts';
import { ProviderError } from '../provider-error.ts';
import type { ProviderAccount, SessionOptions } from '../provider.ts';
import { createTransport } from '../http/transport.ts';
import { XERO_ERRORS } from './errors.ts';

export interface XeroConfig {
  readonly apiUrl: string;
  readonly authorizeUrl: string;
  readonly tokenUrl: string;
  readonly app: { readonly id: string; readonly secret: Secret } | null;
}

/** Xero has no test mode: a demo company is an organisation as any other. */
export const ENVIRONMENT = 'production';

const connectionsSchema = z.array(
  z.object({ id: z.string().min(1), tenantId: z.string(), tenantType: z.string(), tenantName: z.string().nullish() }),
);

/** An organisation that a user has connected with the app. */
export interface ConnectedOrganisation {
  /** Names the connection, by which it is ended. */
  readonly connectionId: string;
  readonly tenantId: string;
  readonly name: string | null;
}

interface Asking {
  readonly token: Secret;
  /** Only what was connected by this consent; null: everything that the user has connected. */
  readonly authEventId: string | null;
  readonly calls: OAuthCalls;
}

/**
 * The organisations that a token opens: a token opens all that its user has connected with the app
 * (https://developer.xero.com/documentation/guides/oauth2/tenants, read 2026-11-29).
 */
export async function listOrganisations(
  { apiUrl }: Pick<XeroConfig, 'apiUrl'>,
  { token, authEventId, calls }: Asking,
): Promise<readonly ConnectedOrganisation[]> {
  const query = authEventId === null ? '' : `?authEventId=${encodeURIComponent(authEventId)}`;
  const { json } = await createTransport({ provider: 'xero', calls, errors: XERO_ERRORS })(
    `${apiUrl}/connections${query}`,
    { headers: { authorization: `Bearer ${token.expose()}`, accept: 'application/json' } },
  );
  return parseAnswer('xero', connectionsSchema, json)
    .filter(({ tenantType }) => tenantType === 'ORGANISATION')
    .map(({ id, tenantId, tenantName }) => ({
      connectionId: id,
      tenantId: tenantOf(tenantId),
      name: tenantName ?? null,
    }));
}

/** The organisation of an id. The id becomes a header, so only a GUID is accepted. */
export function tenantOf(text: string | null | undefined): string {
  if (text && /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text)) return text;
  throw new ProviderError({ provider: 'xero', kind: 'rejected', code: 'organisation-missing' });
}

/** The organisation that a session acts for. Throws `needs-reauth` when it is not connected any more. */
export async function readOrganisation(
  config: Pick<XeroConfig, 'apiUrl'>,
  { secretKey, onBehalfOf, call, signal = new AbortController().signal }: SessionOptions,
): Promise<ProviderAccount> {
  const tenantId = tenantOf(onBehalfOf);
  const all = await listOrganisations(config, { token: secretKey, authEventId: null, calls: { call, signal } });
  const found = all.find((one) => one.tenantId === tenantId);
  if (!found)
    throw new ProviderError({
      provider: 'xero',
      kind: 'needs-reauth',
      httpStatus: 200,
      code: 'organisation-disconnected',
    });
  return { externalAccountId: tenantId, name: found.name, environment: ENVIRONMENT, scopes: [] };
}
