import * as client from 'openid-client';
import type { ProviderId } from '../../contracts/providers.ts';
import type { OAuthCalls } from '../oauth.ts';
import { ProviderError } from '../provider-error.ts';
import { createTransport, word } from './transport.ts';
import type { Json } from './transport.ts';

export interface TokenEndpoint {
  readonly provider: ProviderId;
  readonly url: string;
  readonly clientId: string;
  readonly clientAuth: client.ClientAuth;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Makes one call to a form-encoded token endpoint through openid-client. Throws ProviderError: the library's own errors
 * hold the answer, which may hold a token, and never leave this function. Each call has its own configuration, so that
 * calls share no state.
 */
export async function requestToken(
  endpoint: TokenEndpoint,
  calls: OAuthCalls,
  parameters: { readonly grant_type: string } & Readonly<Record<string, string>>,
): Promise<Json> {
  const { provider, url, clientId, clientAuth, headers } = endpoint;
  const { grant_type, ...rest } = parameters;
  const server = { issuer: new URL(url).origin, token_endpoint: url };
  const config = new client.Configuration(server, clientId, undefined, clientAuth);
  // The deprecation is meant as a warning. A stand-in on the same machine needs plain HTTP, and the operator's own URL
  // asks for it.
  // oxlint-disable-next-line typescript/no-deprecated
  if (new URL(url).protocol === 'http:') client.allowInsecureRequests(config);
  const transport = createTransport({ provider, calls });
  let granted: Json = {};
  config[client.customFetch] = async (target, options) => {
    const { status, body, requestId } = await transport(target, {
      method: options.method,
      body: options.body as URLSearchParams,
      headers: { ...options.headers, ...headers },
    });
    // A grant is an object. The library gets no headers of the answer, because a challenge would hide the body from it.
    if (status >= 300) return Response.json(body ?? {}, { status });
    if (body === null)
      throw new ProviderError({ provider, kind: 'unexpected-response', httpStatus: status, requestId });
    granted = body;
    return Response.json(required(body), { status });
  };
  try {
    await client.genericGrantRequest(config, grant_type, rest);
    return granted;
  } catch (error) {
    calls.signal.throwIfAborted();
    throw toProviderError(provider, error);
  }
}

/**
 * The library sees only what RFC 6749, section 5.1, requires, because it throws for optional fields that it rejects: a
 * null `scope`, an `id_token` of another issuer (oauth4webapi 3.8.8). The code is spent by then, and the grant would be
 * lost. Mailchimp omits `token_type`.
 */
const required = ({ access_token, token_type = 'bearer' }: Json): Json => ({ access_token, token_type });

function toProviderError(provider: ProviderId, error: unknown): ProviderError {
  if (error instanceof ProviderError) return error;
  if (error instanceof client.ResponseBodyError) return refusal(provider, error.status, word(error.error));
  if (!(error instanceof client.ClientError)) return new ProviderError({ provider, kind: 'unexpected-response' });
  // An error of our own fetch arrives as the cause.
  if (error.cause instanceof ProviderError) return error.cause;
  const status = error.cause instanceof Response ? error.cause.status : undefined;
  return status !== undefined && status >= 400
    ? refusal(provider, status, undefined)
    : new ProviderError({ provider, kind: 'unexpected-response', httpStatus: status });
}

/** A token endpoint's refusal (RFC 6749, section 5.2). 401 concerns our app: a grant is refused with 400. */
function refusal(provider: ProviderId, httpStatus: number, code: string | undefined): ProviderError {
  if (code === 'invalid_grant') return new ProviderError({ provider, kind: 'needs-reauth', httpStatus, code });
  if (code === 'invalid_client' || code === 'unauthorized_client' || httpStatus === 401) {
    return new ProviderError({ provider, kind: 'unavailable', httpStatus, code: 'invalid_client' });
  }
  // Without a code the answer does not come from the provider, or not yet.
  return new ProviderError({
    provider,
    kind: code === undefined ? 'unexpected-response' : 'rejected',
    httpStatus,
    code,
  });
}
