import type { SquareClient } from 'square';
import type { Secret } from '../../vault/secret.ts';
import type { ErrorTable } from '../http/error-table.ts';
import type { OAuthCalls } from '../oauth.ts';
import { ProviderError } from '../provider-error.ts';
import { createTransport, fetchThrough, word } from '../http/transport.ts';

/**
 * Loaded with the first client: the SDK takes some 80 MB and half a second, which a process without Square accounts
 * saves.
 */
const loadSdk = () => import('square');

/** Each session has its own client, because a client holds one merchant's token. */
export async function createSquareClient(
  apiUrl: string,
  token: Secret | null,
  { errors, ...calls }: OAuthCalls & { readonly errors?: ErrorTable },
): Promise<SquareClient> {
  const { SquareClient } = await loadSdk();
  return new SquareClient({
    baseUrl: apiUrl,
    ...(token && { token: token.expose() }),
    // Temporal retries. A second retry policy in the SDK would multiply attempts and bypass the budget.
    maxRetries: 0,
    // Longer than the transport's timeout, which decides: the SDK's timer does not cover the body.
    timeoutInSeconds: 60,
    // An empty list arrives as `{}`: every Square answer is an object.
    fetch: fetchThrough('square', createTransport({ provider: 'square', calls, ...(errors && { errors }) }), {
      objectsOnly: true,
    }),
  });
}

export interface SquareRefusal {
  readonly status: number;
  /** `UNAUTHORIZED`, `ACCESS_TOKEN_REVOKED`; undefined when Square's gateway answers and not the endpoint. */
  readonly code: string | undefined;
  /** False for the page of a proxy. */
  readonly readable: boolean;
}

/**
 * Returns the answer of an SDK call. Throws ProviderError, because the SDK's own errors quote the whole answer.
 * `refuse` classifies refusals that the client's error table lacks.
 */
export async function askSquare<T>(
  calls: OAuthCalls,
  request: () => Promise<T>,
  refuse: (refusal: SquareRefusal) => ProviderError = unexpected,
): Promise<T> {
  try {
    return await request();
  } catch (error) {
    calls.signal.throwIfAborted();
    throw await toProviderError(error, refuse);
  }
}

const unexpected = ({ status, code }: SquareRefusal) =>
  new ProviderError({ provider: 'square', kind: 'unexpected-response', httpStatus: status, code });

async function toProviderError(
  error: unknown,
  refuse: (refusal: SquareRefusal) => ProviderError,
): Promise<ProviderError> {
  if (error instanceof ProviderError) return error;
  if (error instanceof Error && error.cause instanceof ProviderError) return error.cause;
  const { SquareError } = await loadSdk();
  if (!(error instanceof SquareError) || error.statusCode === undefined)
    return new ProviderError({ provider: 'square', kind: 'unexpected-response' });
  // The transport gives the SDK an empty object in place of a page.
  const readable = typeof error.body === 'object' && error.body !== null && Object.keys(error.body).length > 0;
  return refuse({ status: error.statusCode, code: codeOf(error.body), readable });
}

/** Read only from the list of errors, because the SDK makes one up when there is none. */
function codeOf(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null || !('errors' in body) || !Array.isArray(body.errors)) return undefined;
  const [first] = body.errors as unknown[];
  return typeof first === 'object' && first !== null && 'code' in first ? word(first.code) : undefined;
}
