import type { z } from 'zod';
import type { ReportDays, ReportDefinition, ReportPeriod } from '../../../contracts/reports.ts';
import type { Connection, ConnectionStore } from '../../../db/connections/connection-store.ts';
import type { ReportAnswerStore } from '../../../db/reports/report-answer-store.ts';
import { scopesMissingForReport } from '../../../providers/kit/needed-scopes.ts';
import type { Providers } from '../../../providers/providers.ts';
import { ApiError } from '../../errors/api-error.ts';
import type { FieldError } from '../../errors/api-error.ts';
import { notFound } from '../../errors/not-found.ts';
import { endpoint } from '../../http/endpoint.ts';
import type { Endpoint } from '../../http/endpoint.ts';
import type { Sent } from '../../http/parse.ts';
import { READING_PROBLEMS, reportProblem } from '../../reports/report-refusals.ts';
import { presentReport, reportAnswer, reportQuery } from '../../schemas/report.ts';
import { requireActive } from '../../syncs/start-sync.ts';
import type { ReportGateway } from '../../temporal/report-gateway.ts';

export interface ReportRouteDeps {
  readonly connections: Pick<ConnectionStore, 'find'>;
  readonly providers: Providers;
  readonly reportAnswers: Pick<ReportAnswerStore, 'find'>;
  readonly reportGateway: ReportGateway;
}

export function reportRoute(deps: ReportRouteDeps): Endpoint {
  const { providers } = deps;
  const reports = providers.ids.flatMap((id) => providers.find(id)?.capabilities.reports ?? []);
  return endpoint({
    name: 'readReport',
    summary: 'Read a provider’s report as rows',
    description: [
      'Such as a profit and loss statement, or the figures of campaigns. The provider is asked each time, which takes up to a minute and counts against its limits; requests for the same report at the same time share one answer. Nothing is stored beyond minutes.',
      '`GET /v1/integrations/{provider}` lists which reports there are and which days each takes. At most 10,000 rows and 4 MB: `truncated` says that there are more.',
    ].join(' '),
    tag: 'Connections',
    method: 'get',
    path: '/v1/venues/{venueId}/connections/{connectionId}/reports/{report}',
    role: 'viewer',
    effort: 'connect',
    pathWords: { report: reports.map(({ id }) => id) },
    query: reportQuery,
    async rules({ report: name, ...ref }, sent) {
      const connection = await deps.connections.find(ref);
      const report = connection && reportsOf(providers, connection).find(({ id }) => id === name);
      return report ? wrongDays(report.period, sent) : [];
    },
    answers: { 200: { description: 'The report.', schema: reportAnswer } },
    problems: READING_PROBLEMS,
    async handle({ ids: { report: name, ...ref }, query }) {
      const connection = await deps.connections.find(ref);
      if (!connection) throw notFound('connection-not-found');
      const report = reportOf(providers, connection, name);
      const days = daysOf(report, query);
      requireActive(connection);
      requireScopes(report, connection);
      const { provider } = connection;
      const result = await deps.reportGateway.read({ ...ref, provider, report: report.id, ...days });
      if (result.outcome === 'refused') throw reportProblem(result);
      const stored = await deps.reportAnswers.find(ref, result.answerId);
      // The connection was deleted meanwhile, or this process was held up for minutes.
      if (!stored) throw new ApiError('worker-unavailable', 'The report is gone. Ask again.', { retryAfterMs: 1_000 });
      return { status: 200, body: presentReport(report, days, stored) };
    },
  });
}

const reportsOf = (providers: Providers, { provider }: Connection): readonly ReportDefinition[] =>
  providers.find(provider)?.capabilities.reports ?? [];

function reportOf(providers: Providers, connection: Connection, name: string): ReportDefinition {
  const reports = reportsOf(providers, connection);
  const report = reports.find(({ id }) => id === name);
  if (report) return report;
  const { provider } = connection;
  const displayName = providers.find(provider)?.capabilities.displayName ?? provider;
  const known = reports.map(({ id }) => id).join(', ');
  throw new ApiError(
    'report-not-supported',
    `${displayName} does not make it. It makes: ${known || 'no reports yet'}.`,
  );
}

/** The days that the report takes. */
function daysOf({ period }: ReportDefinition, { from, to }: z.output<typeof reportQuery>): ReportDays {
  return { from: period === 'range' ? (from ?? null) : null, to: period === 'none' ? null : (to ?? null) };
}

function wrongDays(period: ReportPeriod, { from, to }: Sent): readonly FieldError[] {
  const errors: FieldError[] = [];
  if (period === 'range' && from === undefined) errors.push({ path: 'from', message: 'This report needs a first day' });
  if (period !== 'none' && to === undefined) errors.push({ path: 'to', message: 'This report needs a last day' });
  return errors;
}

function requireScopes(report: ReportDefinition, { scopes }: Connection): void {
  const missing = scopesMissingForReport(report, scopes);
  if (missing.length > 0)
    throw new ApiError('scopes-missing', `The account’s owner has not granted: ${missing.join(', ')}.`);
}
