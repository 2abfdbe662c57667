import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { FAILURE } from '../../contracts/failures.ts';
import type { ProviderReport, ReadReportInput, ReportActivities } from '../../contracts/reports.ts';
import type { AccountChoiceStore } from '../../db/connections/account-choice-store.ts';
import type { ReportAnswerStore } from '../../db/reports/report-answer-store.ts';
import { boundedReport } from '../../domain/reports/bounded-report.ts';
import { ProviderError } from '../../providers/provider-error.ts';
import type { Providers } from '../../providers/providers.ts';
import type { Credentials, OpenedConnection } from '../connections/credentials.ts';
import { finalAfter, toFailure } from '../failures.ts';

export interface ReportDeps {
  readonly credentials: Credentials;
  readonly providers: Providers;
  readonly accountChoices: Pick<AccountChoiceStore, 'find'>;
  readonly reportAnswers: Pick<ReportAnswerStore, 'keep'>;
}

/** Few, because a person waits for the answer, and each is metered at some providers. */
const MAX_ATTEMPTS = 2;

export function createReportActivities(deps: ReportDeps): ReportActivities {
  return {
    async fetchReport(input) {
      try {
        const report = boundedReport(await withFreshCredentials(deps, input));
        return { answerId: await deps.reportAnswers.keep(input, input.report, report) };
      } catch (error) {
        throw finalAfter(waits(error) ? 1 : MAX_ATTEMPTS, toFailure(error, false));
      }
    },
  };
}

/** Whether only waiting helps. The caller is told how long, and waits outside the workflow. */
const waits = (error: unknown): boolean => error instanceof ProviderError && error.details.retryAfterMs !== undefined;

/** A refused token is replaced once. A second refusal means that the access itself is refused. */
async function withFreshCredentials(deps: ReportDeps, input: ReadReportInput): Promise<ProviderReport> {
  const opened = await deps.credentials.open(input, null);
  try {
    return await read(deps, input, opened);
  } catch (error) {
    if (!isRefusal(error) || !(await deps.credentials.replaceRefused(input, opened))) throw error;
  }
  return read(deps, input, await deps.credentials.open(input, null));
}

async function read(
  { providers, accountChoices }: ReportDeps,
  { report, from, to, ...input }: ReadReportInput,
  { account, credential }: OpenedConnection,
): Promise<ProviderReport> {
  const session = providers.open(input.provider, {
    ...credential,
    ...{ account, lane: 'interactive', signal: Context.current().cancellationSignal },
    accounts: (await accountChoices.find(input))?.chosen,
  });
  if (!session.report) throw ApplicationFailure.nonRetryable(`${input.provider} makes no reports`, FAILURE.rejected);
  return session.report({ report, from, to });
}

const isRefusal = (error: unknown): boolean => error instanceof ProviderError && error.details.kind === 'needs-reauth';
