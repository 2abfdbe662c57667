import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { FAILURE } from '../../contracts/failures.ts';
import type { ConnectionRef } from '../../contracts/ids.ts';
import type { ProviderId } from '../../contracts/providers.ts';
import { ProviderError } from '../../providers/provider-error.ts';
import type { ResourceSession } from '../../providers/provider.ts';
import type { CallOptions, Providers } from '../../providers/providers.ts';
import { transactions } from '../../records/transactions.ts';
import type { Credentials } from '../connections/credentials.ts';

export interface TransactionSessionDeps {
  readonly credentials: Credentials;
  readonly providers: Providers;
}

type ConnectionOf = ConnectionRef & { readonly provider: ProviderId };

export interface TransactionSessionOptions extends Pick<CallOptions, 'lane' | 'onCall'> {
  readonly connection: ConnectionOf;
  readonly accounts: readonly string[] | null;
}

/**
 * Runs work on the connection's transactions at the provider. When the provider refuses the credentials and there are
 * newer ones, throws a failure after which the activity is repeated at once.
 */
export async function withTransactions<T>(
  { credentials, providers }: TransactionSessionDeps,
  { connection, accounts, ...options }: TransactionSessionOptions,
  work: (session: ResourceSession) => Promise<T>,
): Promise<T> {
  const opened = await credentials.open(connection);
  const session = providers.open(connection.provider, {
    ...opened.credential,
    account: opened.account,
    accounts,
    signal: Context.current().cancellationSignal,
    ...options,
  });
  try {
    return await work(session.resource(transactions.name));
  } catch (error) {
    if (!(error instanceof ProviderError) || error.details.kind !== 'needs-reauth') throw error;
    if (!(await credentials.replaceRefused(connection, opened))) throw error;
    throw ApplicationFailure.create({
      type: FAILURE.tokenRenewed,
      message: 'the token has been renewed',
      nextRetryDelay: 100,
    });
  }
}
