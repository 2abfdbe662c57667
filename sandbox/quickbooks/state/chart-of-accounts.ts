import { timeOf } from './quickbooks-state.ts';
import type { Company } from './quickbooks-state.ts';

/** The accounts that every company has from its first day. */
export function withAccounts(company: Company): void {
  const { state, id, nowMs } = company;
  if (state.list(id, 'Account').length > 0) return;
  const times = { CreateTime: timeOf(nowMs), LastUpdatedTime: timeOf(nowMs) };
  const account = (key: string, name: string, [type, subType]: readonly [string, string]) =>
    [
      key,
      {
        ...{ Name: name, FullyQualifiedName: name, Active: true, AccountType: type, AccountSubType: subType },
        ...{ domain: 'QBO', sparse: false, Id: key, SyncToken: '0', MetaData: times },
      },
    ] as const;
  state.put(id, 'Account', [
    account('1', 'Sales of Product Income', ['Income', 'SalesOfProductIncome']),
    account('2', 'Current account', ['Bank', 'Checking']),
    account('3', 'Services', ['Income', 'ServiceFeeIncome']),
  ]);
}
