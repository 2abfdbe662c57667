import { z } from 'zod';
import type { ReportColumn, ReportRow } from '../../../contracts/reports.ts';

/** Numbers of an answer stay text, digit by digit. */
const count = z.string().nullish();
const text = z.string().nullish();

/** What the figures of a campaign, of its variants and of automations have in common. */
const opens = z.object({ opens_total: count, unique_opens: count, open_rate: count }).nullish();
const clicks = z.object({ clicks_total: count, unique_subscriber_clicks: count, click_rate: count }).nullish();
const bounces = z.object({ hard_bounces: count, soft_bounces: count }).nullish();
const ecommerce = z.object({ total_orders: count, total_revenue: count, currency_code: text }).nullish();

/** https://mailchimp.com/developer/marketing/api/reports/list-campaign-reports/, read 2026-11-29. */
export const campaignReport = z.object({
  id: z.string().min(1),
  ...{ campaign_title: text, subject_line: text, type: text, list_id: text, list_name: text, send_time: text },
  ...{ emails_sent: count, abuse_reports: count, unsubscribed: count },
  ...{ opens, clicks, bounces, ecommerce },
});
export type CampaignReport = z.output<typeof campaignReport>;

/** https://mailchimp.com/developer/marketing/api/automation/list-automations/, read 2026-11-29. */
export const automation = z.object({
  id: z.string().min(1),
  ...{ status: text, start_time: text, emails_sent: count },
  settings: z.object({ title: text }).nullish(),
  recipients: z.object({ list_id: text, list_name: text }).nullish(),
  report_summary: z
    .object({
      ...{ opens: count, unique_opens: count, open_rate: count },
      ...{ clicks: count, subscriber_clicks: count, click_rate: count },
    })
    .nullish(),
});
export type Automation = z.output<typeof automation>;

/** A column of a report and where its value stands. */
export interface FigureColumn<Told> extends ReportColumn {
  readonly of: (told: Told) => string | null | undefined;
}

const column = <Told>(
  key: string,
  title: string,
  { type, of }: Pick<FigureColumn<Told>, 'type' | 'of'>,
): FigureColumn<Told> => ({ key, title, type, of });

type Of<Told> = FigureColumn<Told>['of'];
export const textColumn = <Told>(key: string, title: string, of: Of<Told>) => column(key, title, { type: 'text', of });
const numberColumn = <Told>(key: string, title: string, of: Of<Told>) => column(key, title, { type: 'number', of });
const timeColumn = <Told>(key: string, title: string, of: Of<Told>) => column(key, title, { type: 'time', of });

export const CAMPAIGN_COLUMNS: readonly FigureColumn<CampaignReport>[] = [
  textColumn('campaign_title', 'Campaign', ({ campaign_title: title }) => title),
  textColumn('subject_line', 'Subject', ({ subject_line: subject }) => subject),
  textColumn('type', 'Type', ({ type }) => type),
  textColumn('list_name', 'Audience', ({ list_name: name }) => name),
  timeColumn('send_time', 'Sent', ({ send_time: at }) => at),
  numberColumn('emails_sent', 'E-mails sent', ({ emails_sent: sent }) => sent),
  numberColumn('opens_total', 'Opens', (told) => told.opens?.opens_total),
  numberColumn('unique_opens', 'Unique opens', (told) => told.opens?.unique_opens),
  numberColumn('open_rate', 'Open rate', (told) => told.opens?.open_rate),
  numberColumn('clicks_total', 'Clicks', (told) => told.clicks?.clicks_total),
  numberColumn('unique_subscriber_clicks', 'Recipients who clicked', (told) => told.clicks?.unique_subscriber_clicks),
  numberColumn('click_rate', 'Click rate', (told) => told.clicks?.click_rate),
  numberColumn('hard_bounces', 'Hard bounces', (told) => told.bounces?.hard_bounces),
  numberColumn('soft_bounces', 'Soft bounces', (told) => told.bounces?.soft_bounces),
  numberColumn('unsubscribed', 'Unsubscribed', ({ unsubscribed }) => unsubscribed),
  numberColumn('abuse_reports', 'Complaints', ({ abuse_reports: complaints }) => complaints),
  numberColumn('total_orders', 'Orders', (told) => told.ecommerce?.total_orders),
  column('total_revenue', 'Revenue', { type: 'amount', of: (told) => told.ecommerce?.total_revenue }),
  textColumn('currency_code', 'Currency', (told) => told.ecommerce?.currency_code),
];

export const AUTOMATION_COLUMNS: readonly FigureColumn<Automation>[] = [
  textColumn('title', 'Automation', ({ settings }) => settings?.title),
  textColumn('status', 'Status', ({ status }) => status),
  textColumn('list_name', 'Audience', ({ recipients }) => recipients?.list_name),
  timeColumn('start_time', 'Started', ({ start_time: at }) => at),
  numberColumn('emails_sent', 'E-mails sent', ({ emails_sent: sent }) => sent),
  numberColumn('opens', 'Opens', (told) => told.report_summary?.opens),
  numberColumn('unique_opens', 'Unique opens', (told) => told.report_summary?.unique_opens),
  numberColumn('open_rate', 'Open rate', (told) => told.report_summary?.open_rate),
  numberColumn('clicks', 'Clicks', (told) => told.report_summary?.clicks),
  numberColumn('subscriber_clicks', 'Recipients who clicked', (told) => told.report_summary?.subscriber_clicks),
  numberColumn('click_rate', 'Click rate', (told) => told.report_summary?.click_rate),
];

export const columnsOf = <Told>(columns: readonly FigureColumn<Told>[]): readonly ReportColumn[] =>
  columns.map(({ key, title, type }) => ({ key, title, type }));

/** Mailchimp writes an empty text for what there is not. */
export const rowOf = <Told extends { readonly id: string }>(
  columns: readonly FigureColumn<Told>[],
  told: Told,
  { kind = 'entry', depth = 0 }: Partial<Pick<ReportRow, 'kind' | 'depth'>> = {},
): ReportRow => ({ kind, depth, externalId: told.id, cells: columns.map(({ of }) => of(told) || null) });

/** The currency of all revenue; null where there is none, or of several. */
export function currencyOf(reports: readonly CampaignReport[]): string | null {
  const codes = new Set(reports.flatMap(({ ecommerce: sold }) => sold?.currency_code || []));
  const [only = null] = codes;
  return codes.size === 1 ? only : null;
}
