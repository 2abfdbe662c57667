import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { FAILURE } from '../contracts/failures.ts';
import type { ConnectionRef } from '../contracts/ids.ts';
import type { ProviderId } from '../contracts/providers.ts';
import { ProviderError } from '../providers/provider-error.ts';
import type { ProviderSession } from '../providers/provider.ts';
import type { BudgetAccount, CallOptions, Providers } from '../providers/providers.ts';
import type { Credentials, CredentialsUse } from './connections/credentials.ts';

export interface ProviderSessionDeps {
  readonly credentials: Credentials;
  readonly providers: Pick<Providers, 'open'>;
}

export interface ProviderSessionOptions extends Pick<CallOptions, 'lane' | 'onCall'> {
  readonly connection: ConnectionRef & { readonly provider: ProviderId };
  /** What the session is for; null where no resource is read or written. */
  readonly use: CredentialsUse | null;
  readonly accounts?: readonly string[] | null;
  /** Also while the connection is being disconnected. */
  readonly toDisconnect?: boolean;
}

/**
 * Runs an activity's work with a session of the connection. When the provider refuses the credentials and there are
 * newer ones, throws a failure after which the activity is repeated at once.
 */
export async function withSession<T>(
  { credentials, providers }: ProviderSessionDeps,
  { connection, use, toDisconnect = false, ...options }: ProviderSessionOptions,
  work: (session: ProviderSession, account: BudgetAccount) => Promise<T>,
): Promise<T> {
  const opened = await credentials.open(connection, use, { toDisconnect });
  const session = providers.open(connection.provider, {
    ...opened.credential,
    account: opened.account,
    signal: Context.current().cancellationSignal,
    ...options,
  });
  try {
    return await work(session, opened.account);
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
