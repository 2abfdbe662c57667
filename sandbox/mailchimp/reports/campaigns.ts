import { z } from 'zod';
import { listsOf, timeOf } from '../state/mailchimp-state.ts';
import type { Owner, WireObject } from '../state/mailchimp-state.ts';

/** What a campaign has brought, of which its rates are computed. */
const figures = z
  .strictObject({
    ...{ emails_sent: z.int(), opens: z.int(), unique_opens: z.int(), clicks: z.int(), unique_clicks: z.int() },
    ...{ hard_bounces: z.int(), soft_bounces: z.int(), unsubscribed: z.int(), abuse_reports: z.int() },
    ...{ orders: z.int(), revenue: z.number() },
  })
  .partial();
type Figures = z.output<typeof figures>;

/** A campaign as `POST /seed` takes it. */
export const campaignSeed = z.strictObject({
  id: z.string().min(1),
  title: z.string(),
  list: z.string().optional(),
  type: z.enum(['regular', 'variate', 'variate-child', 'absplit', 'rss', 'plaintext']).default('regular'),
  sentAt: z.iso.datetime(),
  /** The campaign that this is a variant of. */
  parent: z.string().optional(),
  /** The variant that the rest of the recipients got. */
  winner: z.string().optional(),
  figures: figures.default({}),
});
/** An automation as `POST /seed` takes it. */
export const automationSeed = z.strictObject({
  id: z.string().min(1),
  title: z.string(),
  list: z.string().optional(),
  status: z.enum(['save', 'paused', 'sending']).default('sending'),
  startedAt: z.iso.datetime(),
  figures: figures.default({}),
});

interface Campaign extends WireObject {
  readonly id: string;
  readonly type: string;
  readonly send_time: string;
  readonly _parent: string | null;
  readonly _report: WireObject;
}

const rate = (part: number | undefined, of: number) => (of === 0 ? 0 : Number(((part ?? 0) / of).toFixed(4)));

/** Rates are of what was delivered, https://mailchimp.com/help/about-open-and-click-rates/ (2026-11). */
function ratesOf({ emails_sent = 0, hard_bounces = 0, soft_bounces = 0, unique_opens, unique_clicks }: Figures) {
  const delivered = emails_sent - hard_bounces - soft_bounces;
  return { open_rate: rate(unique_opens, delivered), click_rate: rate(unique_clicks, delivered) };
}

const audienceOf = (owner: Owner, list: string | undefined) => {
  const lists = listsOf(owner);
  const found = lists.find(({ id }) => id === list) ?? lists[0];
  return { list_id: list ?? String(found?.['id']), list_name: String(found?.['name']) };
};

/** Stores campaigns that were sent. */
export function putCampaigns(owner: Owner, seeds: readonly z.output<typeof campaignSeed>[]): void {
  const { state, id: account } = owner;
  const campaigns = seeds.map((seed): readonly [string, Campaign] => {
    const { id, title, type, parent = null, winner = '' } = seed;
    const audience = audienceOf(owner, seed.list);
    const send_time = timeOf(Date.parse(seed.sentAt));
    return [
      id,
      {
        ...{ id, type, send_time, status: 'sent', emails_sent: seed.figures.emails_sent ?? 0 },
        recipients: { ...audience, list_is_active: true },
        settings: { title, subject_line: `About ${title}` },
        ...(type === 'variate' && { variate_settings: { winning_campaign_id: winner, winner_criteria: 'opens' } }),
        _parent: parent,
        _report: { id, campaign_title: title, type, ...audience, send_time, ...reportOf(title, seed.figures) },
      },
    ];
  });
  state.put(account, 'campaigns', campaigns);
}

/** https://mailchimp.com/developer/marketing/api/reports/list-campaign-reports/ (2026-11). */
function reportOf(title: string, told: Figures): WireObject {
  const { open_rate, click_rate } = ratesOf(told);
  const { opens = 0, unique_opens = 0, clicks = 0, unique_clicks = 0, hard_bounces = 0, soft_bounces = 0 } = told;
  return {
    ...{ subject_line: `About ${title}`, list_is_active: true, preview_text: '' },
    ...{ emails_sent: told.emails_sent ?? 0, abuse_reports: told.abuse_reports ?? 0 },
    unsubscribed: told.unsubscribed ?? 0,
    bounces: { hard_bounces, soft_bounces, syntax_errors: 0 },
    opens: { opens_total: opens, unique_opens, open_rate, last_open: '' },
    clicks: {
      clicks_total: clicks,
      unique_clicks,
      unique_subscriber_clicks: unique_clicks,
      click_rate,
      last_click: '',
    },
    ecommerce: ecommerceOf(told),
  };
}

const ecommerceOf = ({ orders = 0, revenue = 0 }: Figures): WireObject => ({
  ...{ total_orders: orders, total_spent: revenue, total_revenue: revenue, currency_code: 'GBP' },
});

/** Stores automations, https://mailchimp.com/developer/marketing/api/automation/list-automations/ (2026-11). */
export function putAutomations(owner: Owner, seeds: readonly z.output<typeof automationSeed>[]): void {
  const automations = seeds.map(({ id, title, list, status, startedAt, figures: told }): [string, WireObject] => {
    const { opens = 0, unique_opens = 0, clicks = 0, unique_clicks: subscriber_clicks = 0, emails_sent = 0 } = told;
    const time = timeOf(Date.parse(startedAt));
    return [
      id,
      {
        ...{ id, status, emails_sent, create_time: time, start_time: time },
        recipients: { ...audienceOf(owner, list), list_is_active: true },
        settings: { title, from_name: owner.name, reply_to: '' },
        report_summary: { opens, unique_opens, clicks, subscriber_clicks, ...ratesOf(told) },
      },
    ];
  });
  owner.state.put(owner.id, 'automations', automations);
}

export const campaignsOf = ({ state, id }: Owner): readonly Campaign[] =>
  state.list(id, 'campaigns') as readonly Campaign[];

/** A campaign as Mailchimp shows it. */
export const shownCampaign = ({ _parent: _, _report: __, ...campaign }: Campaign): WireObject => campaign;
