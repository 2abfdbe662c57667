import { createHash } from 'node:crypto';
import { invalidRequest } from '../errors.ts';
import type { SquareRequest } from './endpoint.ts';

/**
 * Runs a request once under its idempotency key; the same request under the same key is answered again and changes
 * nothing. A refusal is not kept, so the key can be used again after one. Square does not say how long it keeps a key
 * (https://developer.squareup.com/forums/t/how-long-are-idempotency-keys-retained-for-the-createpayment-endpoint/28303,
 * 2026-11): the stand-in keeps them until it is reset, or told to forget them.
 */
export function once<Answer extends object>(
  { state, merchant, visit }: SquareRequest,
  { key, content }: { readonly key: string | undefined; readonly content: unknown },
  run: () => Answer,
): Answer {
  if (key === undefined) return run();
  const request = createHash('sha256')
    .update(JSON.stringify([visit.path, content]))
    .digest('base64url');
  const kept = state.answerUnder(merchant, key);
  if (kept?.request === request) return kept.body as Answer;
  if (kept) {
    const detail = 'The idempotency key can only be retried with the same request data.';
    throw invalidRequest('IDEMPOTENCY_KEY_REUSED', detail, 'idempotency_key');
  }
  const body = run();
  state.keepAnswer(merchant, key, { request, body });
  return body;
}
