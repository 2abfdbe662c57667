import { z } from 'zod';
import { Refusal } from '../../oauth/exchange.ts';
import { squareError } from '../errors.ts';
import { bodyOf } from '../http/endpoint.ts';
import type { Endpoint, SquareRequest } from '../http/endpoint.ts';

const searchBody = z.strictObject({
  query: z.strictObject({ customer_ids: z.array(z.string()).min(1).max(30) }),
  limit: z.int().min(1).max(200).default(30),
});

export const LOYALTY_ENDPOINTS: readonly Endpoint[] = [
  { method: 'GET', path: /^\/v2\/loyalty\/programs\/main$/, scope: 'LOYALTY_READ', run: programme },
  { method: 'POST', path: /^\/v2\/loyalty\/accounts\/search$/, scope: 'LOYALTY_READ', run: search },
];

/** A merchant has a programme here once somebody has an account of it. */
function programme({ state, merchant }: SquareRequest): object {
  const [account] = state.list(merchant, 'loyalty-accounts');
  if (account) return { program: { id: account['program_id'], status: 'ACTIVE' } };
  const detail = 'Merchant does not have a loyalty program';
  throw new Refusal(squareError(404, { category: 'INVALID_REQUEST_ERROR', code: 'NOT_FOUND', detail }));
}

function search(request: SquareRequest): object {
  const { query, limit } = bodyOf(request, searchBody);
  const accounts = request.state
    .list(request.merchant, 'loyalty-accounts')
    .filter(({ customer_id: customer }) => query.customer_ids.includes(String(customer)))
    .slice(0, limit);
  return accounts.length > 0 ? { loyalty_accounts: accounts } : {};
}
