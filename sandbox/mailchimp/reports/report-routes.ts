import { json, Refusal } from '../../oauth/exchange.ts';
import type { Reply, Route, Visit } from '../../oauth/exchange.ts';
import { callerOf } from '../account.ts';
import { invalidResource, notFound, pageOf, withFields } from '../http/endpoint.ts';
import { ofStatus } from '../errors.ts';
import type { MailchimpState, Owner, WireObject } from '../state/mailchimp-state.ts';
import { campaignsOf, shownCampaign } from './campaigns.ts';

/** `GET` of reports, campaigns and automations, https://mailchimp.com/developer/marketing/api/reports/ (2026-11). */
export function reportRoutes(state: MailchimpState): readonly Route[] {
  const route = (path: RegExp, read: (owner: Owner, visit: Visit, id: string) => object): Route => ({
    method: 'GET',
    path,
    run(visit, id): Reply {
      const { account } = callerOf(visit);
      const owner: Owner = { state, id: account.id, name: account.name, nowMs: visit.nowMs };
      return json(withFields(read(owner, visit, id), visit.query.get('fields')));
    },
  });
  return [
    route(/^\/3\.0\/reports$/, (owner, visit) =>
      page(
        'reports',
        visit,
        sent(owner, visit).map(({ _report }) => _report),
      ),
    ),
    route(/^\/3\.0\/reports\/([^/]+)$/, (owner, _visit, id) => campaign(owner, id)._report),
    route(/^\/3\.0\/reports\/([^/]+)\/sub-reports$/, (owner, _visit, id) => {
      const parent = campaign(owner, id);
      const reports = campaignsOf(owner)
        .filter(({ _parent }) => _parent === parent.id)
        .map(({ _report }) => _report);
      return { reports, campaign_id: parent.id, total_items: reports.length };
    }),
    route(/^\/3\.0\/campaigns$/, (owner, visit) => page('campaigns', visit, sent(owner, visit).map(shownCampaign))),
    route(/^\/3\.0\/automations$/, (owner, visit) => page('automations', visit, state.list(owner.id, 'automations'))),
    ...['POST', 'PUT', 'PATCH', 'DELETE'].map((method) => ({
      method,
      path: /^\/3\.0\/(?:reports|campaigns|automations)(?:\/.*)?$/,
      run(): Reply {
        throw new Refusal(ofStatus(405));
      },
    })),
  ];
}

function campaign(owner: Owner, id: string) {
  const found = campaignsOf(owner).find((one) => one.id === decodeURIComponent(id));
  if (!found) throw notFound();
  return found;
}

/** Campaigns that were sent in the asked time, and of the asked type. */
function sent(owner: Owner, { query }: Visit) {
  const timeIn = (name: string): number | null => {
    const text = query.get(name);
    if (text === null) return null;
    const ms = Date.parse(text);
    if (Number.isNaN(ms))
      throw invalidResource('The resource submitted could not be validated.', [
        { field: name, message: 'This value is not a valid datetime.' },
      ]);
    return ms;
  };
  const [since, before] = [timeIn('since_send_time'), timeIn('before_send_time')];
  const type = query.get('type');
  return campaignsOf(owner).filter(({ send_time: at, type: own }) => {
    const ms = Date.parse(at);
    return (since === null || ms >= since) && (before === null || ms < before) && (type === null || own === type);
  });
}

const page = (name: string, visit: Visit, items: readonly WireObject[]): object => ({
  [name]: pageOf({ visit }, items),
  total_items: items.length,
});
