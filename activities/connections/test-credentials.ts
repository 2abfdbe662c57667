import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { ConnectionTestActivities, TestConnectionInput } from '../../contracts/connections.ts';
import { FAILURE } from '../../contracts/failures.ts';
import { isCircuitOpen } from '../../providers/limits/circuits.ts';
import { ProviderError } from '../../providers/provider-error.ts';
import type { AccountChoiceStore } from '../../db/connections/account-choice-store.ts';
import type { Providers } from '../../providers/providers.ts';
import type { Credentials, OpenedConnection } from './credentials.ts';
import { finalAfter, toFailure } from '../failures.ts';

export interface TestingDeps {
  readonly credentials: Credentials;
  readonly providers: Providers;
  readonly accountChoices: Pick<AccountChoiceStore, 'noteListed'>;
}

/** Few, because a person waits for the answer. */
const MAX_ATTEMPTS = 3;
/** Each refused token is replaced once: a second refusal means that the access itself is refused. */
const MAX_TRIES = 3;

export function createTestingActivities(deps: TestingDeps): ConnectionTestActivities {
  return {
    async tryCredentials(input) {
      try {
        for (let tries = 0; tries < MAX_TRIES; tries += 1) {
          if (await accepted(deps, input)) return 'accepted';
        }
        return 'refused';
      } catch (error) {
        if (isRefusal(error)) return 'refused';
        throw finalAfter(isCircuitOpen(error) ? 1 : MAX_ATTEMPTS, toFailure(error, false));
      }
    },
  };
}

/**
 * Returns false when the provider refused the credentials and newer ones can be tried. Throws `needs-reauth` when there
 * are none.
 */
async function accepted(deps: TestingDeps, input: TestConnectionInput): Promise<boolean> {
  const opened = await deps.credentials.open(input, null);
  try {
    await (input.listAccounts ? listAccounts(deps, input, opened) : askWhose(deps, input, opened));
    return true;
  } catch (error) {
    if (!(error instanceof ProviderError) || error.details.kind !== 'needs-reauth') throw error;
    if (await deps.credentials.replaceRefused(input, opened)) return false;
    throw error;
  }
}

const callOptions = ({ account }: OpenedConnection) =>
  ({ account, lane: 'interactive', signal: Context.current().cancellationSignal }) as const;

async function askWhose({ providers }: TestingDeps, { provider }: TestConnectionInput, opened: OpenedConnection) {
  await providers.open(provider, { ...opened.credential, ...callOptions(opened) }).account();
}

/** Names of accounts stay out of the workflow's history: they go to the database alone. */
async function listAccounts(deps: TestingDeps, input: TestConnectionInput, opened: OpenedConnection): Promise<void> {
  const { providers, accountChoices } = deps;
  const listing = providers.accounts(input.provider);
  if (!listing)
    throw ApplicationFailure.nonRetryable(`a grant of ${input.provider} opens one account`, FAILURE.rejected);
  const calls = providers.calls(input.provider, callOptions(opened));
  await accountChoices.noteListed(input, await listing.list(opened.credential, calls));
}

function isRefusal(error: unknown): boolean {
  if (error instanceof ApplicationFailure)
    return error.type === FAILURE.needsReauth || error.type === FAILURE.connectionGone;
  return error instanceof ProviderError && error.details.kind === 'needs-reauth';
}
