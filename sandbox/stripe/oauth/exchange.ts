import type { IncomingMessage } from 'node:http';
import type { Answer } from '../../core/answer.ts';
import type { Fault } from '../../core/faults.ts';
import { readBody } from '../../core/http.ts';
import type { AccountState } from '../state/account-state.ts';
import { API_VERSION } from '../events/event.ts';
import { Failure, failureBody, invalidRequest } from '../http/failure.ts';
import { parseForm } from '../http/form.ts';
import type { Form } from '../http/form.ts';
import { randomId } from '../../core/ids.ts';

const BODY_LIMIT_BYTES = 1024 * 1024;

/** A request in progress. Collects what the call log needs. */
export interface Exchange {
  readonly req: IncomingMessage;
  readonly at: number;
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly idempotencyKey: string | null;
  body: string;
  account: AccountState | null;
  fault: Fault | null;
}

export function begin(req: IncomingMessage): Exchange {
  const [path = '', query = ''] = splitAt(req.url ?? '/', '?');
  const key = req.headers['idempotency-key'];
  return {
    req,
    at: Date.now(),
    requestId: randomId('req_', 14),
    method: req.method ?? 'GET',
    path,
    query,
    idempotencyKey: typeof key === 'string' && key !== '' ? key : null,
    body: '',
    account: null,
    fault: null,
  };
}

/** Reads the whole body, so that the connection can be reused. Throws a 413 `Failure` when it is too long. */
export async function receive(exchange: Exchange): Promise<void> {
  if (exchange.method === 'GET') return;
  const body = await readBody(exchange.req, BODY_LIMIT_BYTES);
  if (body === null)
    throw new Failure(413, { type: 'invalid_request_error', message: 'The request body is too large.' });
  exchange.body = body;
}

/** The parameters of the request. Throws a `Failure` when the parameters or the requested API version are invalid. */
export function paramsOf({ req, method, query, body }: Exchange): Form {
  const version = req.headers['stripe-version'];
  if (version !== undefined && !/^\d{4}-\d{2}-\d{2}(\.\w+)?$/.test(String(version))) {
    throw invalidRequest(`Invalid Stripe API version: ${String(version)}`);
  }
  if (method !== 'POST') return parseForm(query);
  const type = req.headers['content-type'];
  if (body !== '' && type !== undefined && !type.startsWith('application/x-www-form-urlencoded')) {
    throw invalidRequest('Invalid request (check that your POST content type is application/x-www-form-urlencoded).');
  }
  return parseForm(body);
}

export function refusal(failure: Failure, requestId: string): Answer {
  return { status: failure.status, body: failureBody(failure, requestId), headers: failure.headers };
}

/** Headers of every Stripe answer. */
export function commonHeaders({ req, requestId, method, idempotencyKey }: Exchange): Record<string, string> {
  const version = req.headers['stripe-version'];
  return {
    'content-type': 'application/json',
    'request-id': requestId,
    'stripe-version': typeof version === 'string' ? version : API_VERSION,
    ...(method === 'POST' &&
      idempotencyKey !== null && { 'idempotency-key': idempotencyKey, 'original-request': requestId }),
  };
}

function splitAt(text: string, mark: string): string[] {
  const index = text.indexOf(mark);
  return index < 0 ? [text] : [text.slice(0, index), text.slice(index + 1)];
}
