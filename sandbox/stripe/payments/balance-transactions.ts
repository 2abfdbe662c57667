import { currencyCode } from './currency.ts';
import { requiredText } from '../http/params.ts';
import { equal, listing, retrieval } from '../http/resource.ts';

export const listBalanceTransactions = listing('balance_transaction', {
  currency: equal(currencyCode, ({ currency }) => currency),
  payout: { read: requiredText(255), key: 'payout' },
  source: { read: requiredText(255), key: 'source' },
  type: { read: requiredText(255), key: 'type' },
});

export const retrieveBalanceTransaction = retrieval('balance_transaction');
