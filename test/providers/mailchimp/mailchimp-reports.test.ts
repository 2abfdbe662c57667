import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ProviderReport } from '../../../contracts/reports.ts';
import { createMailchimpAdapter } from '../../../providers/mailchimp/adapter.ts';
import { MAILCHIMP_REPORTS } from '../../../providers/mailchimp/reports/reports.ts';
import { startMailchimpSandbox } from '../../../sandbox/mailchimp/mailchimp-sandbox.ts';
import type { OAuthSandbox } from '../../../sandbox/oauth/oauth-sandbox.ts';
import { startAnswerEditingProxy } from '../../support/sandbox/answer-editing-proxy.ts';
import type { AnswerEditingProxy } from '../../support/sandbox/answer-editing-proxy.ts';
import { mailchimpSandboxControl } from '../../support/sandbox/mailchimp-account.ts';
import type { MailchimpAccount } from '../../support/sandbox/mailchimp-account.ts';
import { Secret } from '../../../vault/secret.ts';
import { detailsOf } from '../quickbooks/quickbooks-world.ts';

const MARCH = { from: '2026-03-01', to: '2026-03-31' };

let sandbox: OAuthSandbox;
let proxy: AnswerEditingProxy;
let account: MailchimpAccount;
beforeAll(async () => {
  sandbox = await startMailchimpSandbox();
  proxy = await startAnswerEditingProxy(sandbox.apiUrl);
});
beforeEach(async () => {
  proxy.edit(null);
  account = await mailchimpSandboxControl(sandbox).addAccount();
});
afterAll(async () => {
  await proxy.close();
  await sandbox.close();
});

function read(report: string, accounts: readonly string[] | null = null, days = MARCH): Promise<ProviderReport> {
  const adapter = createMailchimpAdapter({ loginUrl: sandbox.apiUrl, apiUrl: proxy.url, app: null });
  const session = adapter.open({ secretKey: new Secret(account.apiKey), accounts, call: (request) => request() });
  if (!session.report) throw new Error('Mailchimp makes reports');
  return session.report({ report, ...days });
}
/** One row by the keys of its columns. */
const rowsIn = ({ columns, rows }: ProviderReport) =>
  rows.map(({ kind, depth, externalId, cells }) => ({
    ...{ kind, depth, externalId },
    ...Object.fromEntries(columns.map(({ key }, at) => [key, cells[at]])),
  }));
const campaign = (id: string, sentAt: string, more: object = {}) => ({ id, title: `Campaign ${id}`, sentAt, ...more });

const FIGURES = {
  ...{ emails_sent: 100, hard_bounces: 1, soft_bounces: 2, opens: 80, unique_opens: 45, clicks: 12, unique_clicks: 9 },
  ...{ unsubscribed: 3, abuse_reports: 1, orders: 2, revenue: 4_503_599_627_370.13 },
};

describe.each(MAILCHIMP_REPORTS.map(({ id }) => id))('the report %s', (report) => {
  it.each<[string, object, object]>([
    ['throttled', { kind: 'status', status: 429 }, { kind: 'rate-limited' }],
    ['a bare 403', { kind: 'html', status: 403 }, { kind: 'unavailable' }],
    ['a web page', { kind: 'html', status: 200 }, { kind: 'unexpected-response' }],
    ['cut off in the middle', { kind: 'truncate' }, { kind: 'unavailable' }],
    ['of a deleted key', { kind: 'status', status: 401 }, { kind: 'needs-reauth' }],
  ])('that is %s is told so', async (_, fault, told) => {
    await mailchimpSandboxControl(sandbox).send('POST', '/faults', { ...fault, times: 1 });
    expect(await detailsOf(read(report))).toMatchObject({ provider: 'mailchimp', ...told });
  });

  it('of an account that has sent nothing has columns and no rows', async () => {
    const { columns, rows, truncated } = await read(report);
    expect(new Set(columns.map(({ key }) => key)).size).toBe(columns.length);
    expect({ rows, truncated }).toEqual({ rows: [], truncated: false });
  });

  it('whose list is not one is unreadable', async () => {
    proxy.edit((answer) => {
      answer.body = { reports: 'none', automations: {} };
    });
    expect(await detailsOf(read(report))).toMatchObject({ kind: 'unexpected-response' });
  });
});

describe('the report of campaigns', () => {
  it('has the figures of each, exact to the digit', async () => {
    await account.put('campaigns', [campaign('c1', '2026-03-05T10:00:00Z', { figures: FIGURES })]);
    const report = await read('campaigns');
    expect(rowsIn(report)).toEqual([
      {
        ...{
          kind: 'entry',
          depth: 0,
          externalId: 'c1',
          campaign_title: 'Campaign c1',
          subject_line: 'About Campaign c1',
        },
        ...{ type: 'regular', list_name: expect.any(String) as string, send_time: '2026-03-05T10:00:00+00:00' },
        ...{ emails_sent: '100', opens_total: '80', unique_opens: '45', open_rate: '0.4639' },
        ...{ clicks_total: '12', unique_subscriber_clicks: '9', click_rate: '0.0928', hard_bounces: '1' },
        ...{ soft_bounces: '2', unsubscribed: '3', abuse_reports: '1', total_orders: '2' },
        ...{ total_revenue: '4503599627370.13', currency_code: 'GBP' },
      },
    ]);
    expect(report.currency).toBe('GBP');
  });

  it('counts the last day whole, and no other', async () => {
    await account.put('campaigns', [
      campaign('before', '2026-02-28T23:59:59Z'),
      campaign('first', '2026-03-01T00:00:00Z'),
      campaign('last', '2026-03-31T23:59:59Z'),
      campaign('after', '2026-04-01T00:00:00Z'),
    ]);
    expect((await read('campaigns')).rows.map(({ externalId }) => externalId)).toEqual(['first', 'last']);
  });

  it('leaves variants to their campaign', async () => {
    await account.put('campaigns', [
      campaign('ab', '2026-03-02T00:00:00Z', { type: 'variate' }),
      campaign('ab-1', '2026-03-02T00:00:00Z', { type: 'variate-child', parent: 'ab' }),
    ]);
    expect((await read('campaigns')).rows.map(({ externalId }) => externalId)).toEqual(['ab']);
  });

  it('has those of the chosen audiences alone', async () => {
    await account.put('lists', [{ id: 'other', name: 'Other' }]);
    await account.put('campaigns', [
      campaign('mine', '2026-03-02T00:00:00Z', { list: account.list }),
      campaign('theirs', '2026-03-02T00:00:00Z', { list: 'other' }),
    ]);
    const ids = async (accounts: readonly string[] | null) =>
      (await read('campaigns', accounts)).rows.map(({ externalId }) => externalId);
    expect(await ids([account.list])).toEqual(['mine']);
    expect(await ids([])).toEqual([]);
    expect(await ids(null)).toEqual(['mine', 'theirs']);
  });

  it('names no currency where campaigns have several', async () => {
    await account.put('campaigns', [campaign('c1', '2026-03-05T10:00:00Z'), campaign('c2', '2026-03-05T10:00:00Z')]);
    proxy.edit((answer) => {
      const [first] = (answer.body as { reports: { ecommerce: { currency_code: string } }[] }).reports;
      if (first) first.ecommerce.currency_code = 'EUR';
    });
    const { currency, columns, rows } = await read('campaigns');
    expect(currency).toBeNull();
    const at = columns.findIndex(({ key }) => key === 'currency_code');
    expect(rows.map(({ cells }) => cells[at])).toEqual(['EUR', 'GBP']);
  });

  it('reads every page, and each campaign once though one is sent meanwhile', async () => {
    await account.put(
      'campaigns',
      Array.from({ length: 1_001 }, (_, index) => campaign(`c${index}`, '2026-03-05T10:00:00Z')),
    );
    proxy.edit((answer) => {
      // The page of a list that has grown at its front begins with what the page before ended with.
      if (answer.query.get('offset') !== '1000') return;
      const { reports } = answer.body as { reports: object[] };
      reports.unshift({ ...reports[0], id: 'c999' });
    });
    const { rows, truncated } = await read('campaigns');
    expect({ rows: rows.length, truncated }).toEqual({ rows: 1_001, truncated: false });
  });
});

describe('the report of A/B variants', () => {
  beforeEach(async () => {
    await account.put('campaigns', [
      campaign('plain', '2026-03-02T00:00:00Z'),
      campaign('ab', '2026-03-02T00:00:00Z', { type: 'variate', winner: 'ab-w', figures: { emails_sent: 30 } }),
      campaign('ab-1', '2026-03-02T00:00:00Z', {
        type: 'variate-child',
        parent: 'ab',
        figures: { emails_sent: 5, unique_opens: 1 },
      }),
      campaign('ab-2', '2026-03-02T00:00:00Z', {
        type: 'variate-child',
        parent: 'ab',
        figures: { emails_sent: 5, unique_opens: 4 },
      }),
      campaign('ab-w', '2026-03-03T00:00:00Z', { type: 'variate-child', parent: 'ab', figures: { emails_sent: 20 } }),
    ]);
  });

  it('has each variant below its campaign, and says which won', async () => {
    const rows = rowsIn(await read('campaign-variants'));
    expect(rows).toMatchObject([
      { kind: 'heading', depth: 0, externalId: 'ab', emails_sent: '30', winner: null },
      { kind: 'entry', depth: 1, externalId: 'ab-1', emails_sent: '5', open_rate: '0.2', winner: null },
      { kind: 'entry', depth: 1, externalId: 'ab-2', emails_sent: '5', open_rate: '0.8', winner: null },
      { kind: 'entry', depth: 1, externalId: 'ab-w', emails_sent: '20', winner: 'yes' },
    ]);
  });

  it('ends after fifty campaigns, and says so', async () => {
    await account.put(
      'campaigns',
      Array.from({ length: 50 }, (_, index) => campaign(`more-${index}`, '2026-03-05T10:00:00Z', { type: 'variate' })),
    );
    const { rows, truncated } = await read('campaign-variants');
    expect(rows.filter(({ kind }) => kind === 'heading')).toHaveLength(50);
    expect(truncated).toBe(true);
  });
});

describe('the report of automations', () => {
  it('has the figures of each of the chosen audiences, whenever it began', async () => {
    await account.put('lists', [{ id: 'other', name: 'Other' }]);
    await account.put('automations', [
      { id: 'a1', title: 'Welcome', startedAt: '2020-01-01T00:00:00Z', list: account.list, figures: FIGURES },
      { id: 'a2', title: 'Birthday', startedAt: '2026-03-01T00:00:00Z', list: 'other', status: 'paused' },
    ]);
    expect(rowsIn(await read('automations', [account.list]))).toMatchObject([
      {
        ...{ externalId: 'a1', title: 'Welcome', status: 'sending', emails_sent: '100', opens: '80' },
        ...{ unique_opens: '45', open_rate: '0.4639', clicks: '12', subscriber_clicks: '9', click_rate: '0.0928' },
      },
    ]);
    expect((await read('automations')).rows).toHaveLength(2);
  });
});
