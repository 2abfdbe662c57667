import { z } from 'zod';
import type { ProviderReport, ReportDefinition, ReportRow } from '../../../contracts/reports.ts';
import type { ReportRequest } from '../../provider.ts';
import type { Ask } from '../http/ask.ts';
import {
  AUTOMATION_COLUMNS,
  automation,
  CAMPAIGN_COLUMNS,
  campaignReport,
  columnsOf,
  currencyOf,
  rowOf,
  textColumn,
} from './report-columns.ts';
import type { CampaignReport } from './report-columns.ts';

export const MAILCHIMP_REPORTS: readonly ReportDefinition[] = [
  { id: 'campaigns', title: 'Campaigns', period: 'range' },
  { id: 'automations', title: 'Automations', period: 'none' },
  { id: 'campaign-variants', title: 'A/B variants of campaigns', period: 'range' },
];

/** The most that a page takes (https://mailchimp.com/developer/marketing/docs/methods-parameters/#pagination, read 2026-11-29). */
const PAGE_SIZE = 1_000;
/** An answer takes ten thousand rows. */
const MAX_PAGES = 10;
/** Each campaign with variants takes a call of its own, while somebody waits for the answer. */
const MAX_CAMPAIGNS_WITH_VARIANTS = 50;

/** What a session may read: its calls, whose numbers stay text, and the audiences that are chosen; null: all. */
export interface ReportAccess {
  readonly ask: Ask;
  readonly audiences: readonly string[] | null;
}

/** Throws for a report that is not one of Mailchimp's. */
export async function readReport(access: ReportAccess, request: ReportRequest): Promise<ProviderReport> {
  const read = READERS[request.report];
  if (!read) throw new Error(`mailchimp has no report ${request.report}`);
  return { currency: null, basis: null, truncated: false, ...(await read(access, request)) };
}

type Read = Pick<ProviderReport, 'columns' | 'rows'> & Partial<ProviderReport>;

const READERS: Readonly<Record<string, (access: ReportAccess, request: ReportRequest) => Promise<Read>>> = {
  async campaigns(access, request) {
    const { items, truncated } = await campaignReports(access, daysOf(request));
    const rows = items.map((one) => rowOf(CAMPAIGN_COLUMNS, one));
    return { columns: columnsOf(CAMPAIGN_COLUMNS), rows, currency: currencyOf(items), truncated };
  },

  async automations(access) {
    const list = { path: 'automations', name: 'automations', item: automation, query: {} };
    const { items, truncated } = await listAll(access.ask, list);
    const chosen = items.filter(({ recipients }) => isChosen(access, recipients?.list_id));
    return {
      columns: columnsOf(AUTOMATION_COLUMNS),
      rows: chosen.map((one) => rowOf(AUTOMATION_COLUMNS, one)),
      truncated,
    };
  },

  async 'campaign-variants'(access, request) {
    const days = daysOf(request);
    const { items, truncated } = await campaignReports(access, { ...days, type: 'variate' });
    const winners = items.length === 0 ? new Set<string>() : await winningCampaigns(access, days);
    const columns = [
      ...CAMPAIGN_COLUMNS,
      textColumn<CampaignReport>('winner', 'Winner', ({ id }) => (winners.has(id) ? 'yes' : null)),
    ];
    const rows: ReportRow[] = [];
    const told: CampaignReport[] = [];
    for (const campaign of items.slice(0, MAX_CAMPAIGNS_WITH_VARIANTS)) {
      const variants = await variantsOf(access, campaign.id);
      told.push(campaign, ...variants);
      rows.push(rowOf(columns, campaign, { kind: 'heading' }));
      rows.push(...variants.map((variant) => rowOf(columns, variant, { depth: 1 })));
    }
    const isCut = truncated || items.length > MAX_CAMPAIGNS_WITH_VARIANTS;
    return { columns: columnsOf(columns), rows, currency: currencyOf(told), truncated: isCut };
  },
};

/** Days of UTC, as Mailchimp's times are. The last one is in the range. */
function daysOf({ from, to }: ReportRequest): Readonly<Record<string, string>> {
  const startOf = (day: string | null, plusDays: number) =>
    day === null ? null : new Date(Date.parse(day) + plusDays * DAY_MS).toISOString().replace('.000Z', '+00:00');
  const [since, before] = [startOf(from, 0), startOf(to, 1)];
  return { ...(since !== null && { since_send_time: since }), ...(before !== null && { before_send_time: before }) };
}
const DAY_MS = 86_400_000;

const isChosen = ({ audiences }: ReportAccess, list: string | null | undefined): boolean =>
  audiences === null || audiences.includes(list ?? '');

async function campaignReports(access: ReportAccess, query: Readonly<Record<string, string>>) {
  const list = { path: 'reports', name: 'reports', item: campaignReport, query };
  const { items, truncated } = await listAll(access.ask, list);
  // The variants of a campaign are in its own figures.
  const own = items.filter((one) => one.type !== 'variate-child' && isChosen(access, one.list_id));
  return { items: own, truncated };
}

/** The figures of each variant (https://mailchimp.com/developer/marketing/api/sub-reports/, read 2026-11-29). */
async function variantsOf({ ask }: ReportAccess, campaign: string): Promise<readonly CampaignReport[]> {
  const schema = z.object({ reports: z.array(campaignReport) });
  return (await ask(schema, { method: 'GET', path: `reports/${encodeURIComponent(campaign)}/sub-reports` })).reports;
}

const campaignSchema = z.object({
  id: z.string(),
  variate_settings: z.object({ winning_campaign_id: z.string().nullish() }).nullish(),
});

/** Ids of the variants that the rest of the recipients got. */
async function winningCampaigns(
  { ask }: ReportAccess,
  days: Readonly<Record<string, string>>,
): Promise<ReadonlySet<string>> {
  const query = { ...days, type: 'variate', fields: 'campaigns.id,campaigns.variate_settings.winning_campaign_id' };
  const { items } = await listAll(ask, { path: 'campaigns', name: 'campaigns', item: campaignSchema, query });
  return new Set(items.flatMap(({ variate_settings: settings }) => settings?.winning_campaign_id || []));
}

interface List<Item extends z.ZodType<{ readonly id: string }>> {
  readonly path: string;
  /** The property of the answer that holds the items. */
  readonly name: string;
  readonly item: Item;
  readonly query: Readonly<Record<string, string>>;
}

/** Every item of a list, each once: an item that is added while pages are read moves others to the next page. */
async function listAll<Item extends z.ZodType<{ readonly id: string }>>(
  ask: Ask,
  { path, name, item, query }: List<Item>,
): Promise<{ readonly items: readonly z.output<Item>[]; readonly truncated: boolean }> {
  const schema = z.object({ [name]: z.array(item) });
  const items = new Map<string, z.output<Item>>();
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const paging = { count: String(PAGE_SIZE), offset: String(page * PAGE_SIZE) };
    const told = (await ask(schema, { method: 'GET', path, query: { ...query, ...paging } }))[name] ?? [];
    for (const one of told) items.set(one.id, one);
    if (told.length < PAGE_SIZE) return { items: [...items.values()], truncated: false };
  }
  return { items: [...items.values()], truncated: true };
}
