import { dateOf } from './xero-state.ts';
import type { Organisation } from './xero-state.ts';

const ACCOUNTS = [
  {
    ...{ AccountID: '5690f1e8-1d02-4893-90c2-ee1a69eff901', Code: '200', Name: 'Sales', Type: 'REVENUE' },
    ...{ Class: 'REVENUE', TaxType: 'OUTPUT2' },
  },
  {
    AccountID: '5690f1e8-1d02-4893-90c2-ee1a69eff902',
    Code: '090',
    Name: 'Current account',
    Type: 'BANK',
    Class: 'ASSET',
    TaxType: 'NONE',
  },
] as const;

/** The accounts that every organisation has from its first day. */
export function withAccounts({ state, id, nowMs }: Organisation): void {
  if (state.list(id, 'Accounts').length > 0) return;
  const rest = { Status: 'ACTIVE', EnablePaymentsToAccount: false, UpdatedDateUTC: dateOf(nowMs) };
  state.put(
    id,
    'Accounts',
    ACCOUNTS.map((account) => [account.AccountID, { ...account, ...rest }] as const),
  );
}
