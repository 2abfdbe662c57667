import * as client from 'openid-client';
import type { ProviderId } from '../contracts/providers.ts';
import type { OAuthCalls } from './oauth.ts';
import { ProviderError } from './provider-error.ts';
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
 * One call to a token endpoint that takes forms, by openid-client. Throws ProviderError: its errors hold the answer, which may hold a token, and
 * stay here. Everything is made anew for each call, so that no two share anything.
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
  // Its deprecation is a warning sign. This is what a stand-in on the same machine needs, and the operator's own URL says so.
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  if (new URL(url).protocol === 'http:') client.allowInsecureRequests(config);
  const transport = createTransport({ provider, calls });
  let granted: Json = {};
  config[client.customFetch] = async (target, options) => {
    const { status, body, requestId } = await transport(target, {
      method: options.method,
      body: options.body as URLSearchParams,
      headers: { ...options.headers, ...headers },
    });
    // A grant is an object. Of the answer's headers the library sees none: a challenge would hide from it what the body says.
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
 * Of a grant only what RFC 6749, section 5.1, requires is shown to the library, which throws for an optional field that it does not like: a
 * `scope` that is null, an `id_token` of another issuer (oauth4webapi 3.8.8). The code is spent by then, and the grant would be lost with it.
 * Mailchimp leaves `token_type` out.
 */
const required = ({ access_token, token_type = 'bearer' }: Json): Json => ({ access_token, token_type });

function toProviderError(provider: ProviderId, error: unknown): ProviderError {
  if (error instanceof ProviderError) return error;
  if (error instanceof client.ResponseBodyError) return refusal(provider, error.status, word(error.error));
  if (!(error instanceof client.ClientError)) return new ProviderError({ provider, kind: 'unexpected-response' });
  // Whatever our own fetch threw comes as the cause.
  if (error.cause instanceof ProviderError) return error.cause;
  const status = error.cause instanceof Response ? error.cause.status : undefined;
  return status !== undefined && status >= 400
    ? refusal(provider, status, undefined)
    : new ProviderError({ provider, kind: 'unexpected-response', httpStatus: status });
}

/** A token endpoint's refusal (RFC 6749, section 5.2). 401 is about our app: a grant is refused with 400. */
export function refusal(provider: ProviderId, httpStatus: number, code: string | undefined): ProviderError {
  if (code === 'invalid_grant') return new ProviderError({ provider, kind: 'needs-reauth', httpStatus, code });
  if (code === 'invalid_client' || code === 'unauthorized_client' || httpStatus === 401) {
    return new ProviderError({ provider, kind: 'unavailable', httpStatus, code: 'invalid_client' });
  }
  // Without a code it is not the provider that speaks, or not yet.
  return new ProviderError({
    provider,
    kind: code === undefined ? 'unexpected-response' : 'rejected',
    httpStatus,
    code,
  });
}
