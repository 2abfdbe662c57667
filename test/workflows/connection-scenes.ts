import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Client } from '@temporalio/client';
import { attemptOf } from '../../api/connections/authorization-states.ts';
import {
  ACCESS_REVOKED_SIGNAL,
  authorizeConnectionWorkflowId,
  DISCONNECT_UPDATE,
  keepConnectionFreshWorkflowId,
  testConnectionWorkflowId,
} from '../../contracts/connections.ts';
import type { ConnectionId } from '../../contracts/ids.ts';
import { readReportWorkflowId } from '../../contracts/reports.ts';
import { registerWebhookWorkflowId } from '../../contracts/webhook-registration.ts';
import { until } from '../support/eventually.ts';
import { ownerBrowser } from '../support/owner-browser.ts';
import { oauthControl } from '../support/sandbox/sandbox-oauth.ts';
import type { ServiceClient } from '../support/service-client.ts';
import type { StripeSandboxControl } from '../support/sandbox/stripe-account.ts';

export interface ConnectionStage {
  readonly api: ServiceClient;
  readonly apiUrl: string;
  readonly temporal: Client;
  readonly stripe: StripeSandboxControl;
  readonly squareControlUrl: string;
  readonly quickbooksControlUrl: string;
  readonly stripeControlUrl: string;
  readonly mailchimpControlUrl: string;
}

interface Attempt {
  readonly venueId: string;
  readonly connectionId: string;
  readonly authorizationUrl: string;
  readonly workflowId: string;
}

type Executions = Readonly<Record<string, { readonly workflowId: string; readonly runId: string | null }>>;
const withId = z.object({ id: z.string() });
const withUrl = z.object({ url: z.string() });
const connecting = z.object({ id: z.string(), authorizationUrl: z.string() });

/** Scenes of attempts to connect and of a disconnection, each ended. */
export function connectionScenes({
  api,
  apiUrl,
  temporal,
  stripe,
  squareControlUrl,
  quickbooksControlUrl,
  stripeControlUrl,
  mailchimpControlUrl,
}: ConnectionStage): Readonly<Record<string, () => Promise<Executions>>> {
  async function begin(provider: 'square' | 'stripe' | 'quickbooks', flow: string): Promise<Attempt> {
    const venueId = await api.createVenue();
    const { id, authorizationUrl } = connecting.parse(
      (await api.tryPost(`/v1/venues/${venueId}/connections`, { provider, environment: 'sandbox', flow })).body,
    );
    const state = new URL(authorizationUrl).searchParams.get('state') ?? '';
    return { venueId, connectionId: id, authorizationUrl, workflowId: authorizeConnectionWorkflowId(attemptOf(state)) };
  }
  async function comeBack(redirectUrl: string): Promise<void> {
    await (await browser.visit(redirectUrl)).text();
  }
  /** Opens the webhook address of a Mailchimp connection, and waits for what comes of its registration. */
  async function registerWebhook(key: 'apiKey' | 'viewerKey') {
    const venueId = await api.createVenue();
    const secretKey = (await oauthControl(mailchimpControlUrl).addAccount()).details?.[key] ?? '';
    const body = { provider: 'mailchimp', environment: 'production', credentials: { secretKey } };
    const { id } = withId.parse((await api.tryPost(`/v1/venues/${venueId}/connections`, body)).body);
    const made = await api.tryPost(`/v1/venues/${venueId}/connections/${id}/webhook-endpoint`, {});
    const secretEnd = withUrl.parse(made.body).url.split('/').at(-1) ?? '';
    const digest = createHash('sha256').update(secretEnd).digest('hex');
    const workflowId = registerWebhookWorkflowId(id as ConnectionId, digest);
    await temporal.workflow.getHandle(workflowId).result();
    return { workflowId, runId: null };
  }
  const browser = ownerBrowser(() => apiUrl);
  const square = oauthControl(squareControlUrl);
  const ended = ({ workflowId }: Attempt) => ({ workflowId, runId: null });

  return {
    async 'authorize-connection.connected'() {
      const attempt = await begin('square', 'code');
      await comeBack((await square.approve(await browser.open(attempt.authorizationUrl), 'new')).redirectUrl);
      return { 'authorize-connection.connected': ended(attempt) };
    },
    async 'authorize-connection.denied'() {
      const attempt = await begin('square', 'code');
      await comeBack((await square.deny(await browser.open(attempt.authorizationUrl))).redirectUrl);
      return { 'authorize-connection.denied': ended(attempt) };
    },
    async 'authorize-connection.code-refused'() {
      const attempt = await begin('square', 'code');
      const { redirectUrl } = await square.approve(await browser.open(attempt.authorizationUrl), 'new');
      await square.fault({ match: { path: '/oauth2/token' }, kind: 'commit-then-fail', times: 1 });
      await comeBack(redirectUrl);
      return { 'authorize-connection.code-refused': ended(attempt) };
    },
    async 'authorize-connection.withdrawn'() {
      const attempt = await begin('square', 'code');
      await temporal.workflow.getHandle(attempt.workflowId).cancel();
      return { 'authorize-connection.withdrawn': ended(attempt) };
    },
    /** Takes ten minutes. */
    async 'authorize-connection.expired'() {
      const attempt = await begin('square', 'code');
      await until(
        async () => (await temporal.workflow.getHandle(attempt.workflowId).describe()).status.name !== 'RUNNING',
        { limitMs: 700_000, what: 'the attempt’s time is up', everyMs: 2_000 },
      );
      return { 'authorize-connection.expired': ended(attempt) };
    },
    async 'test-connection.accepted'() {
      const venueId = await api.createVenue();
      const { id } = await api.connect(venueId, (await stripe.addAccount()).secretKey);
      await api.tryPost(`/v1/venues/${venueId}/connections/${id}/test`, {});
      return { 'test-connection.accepted': { workflowId: testConnectionWorkflowId(id as ConnectionId), runId: null } };
    },
    async 'read-report.read'() {
      const { venueId, connectionId, authorizationUrl } = await begin('quickbooks', 'code');
      const company = await oauthControl(quickbooksControlUrl).approve(await browser.open(authorizationUrl), 'new');
      await comeBack(company.redirectUrl);
      const days = { from: '2026-01-01', to: '2026-03-31' };
      const path = `/v1/venues/${venueId}/connections/${connectionId}/reports/profit-and-loss`;
      await api.ask(`${path}?from=${days.from}&to=${days.to}`);
      const workflowId = readReportWorkflowId(connectionId as ConnectionId, 'profit-and-loss', days);
      return { 'read-report.read': { workflowId, runId: null } };
    },
    async 'register-webhook.registered'() {
      return { 'register-webhook.registered': await registerWebhook('apiKey') };
    },
    async 'register-webhook.failed'() {
      return { 'register-webhook.failed': await registerWebhook('viewerKey') };
    },
    /** Sends a true revocation webhook of Square, and a false one before it. */
    async 'keep-connection-fresh.revoked'() {
      const { venueId, connectionId, authorizationUrl } = await begin('square', 'code');
      const { redirectUrl, account } = await square.approve(await browser.open(authorizationUrl), 'new');
      await comeBack(redirectUrl);
      const workflowId = keepConnectionFreshWorkflowId(connectionId as ConnectionId);
      const handle = temporal.workflow.getHandle(workflowId);
      await handle.signal(ACCESS_REVOKED_SIGNAL);
      const trials = async () =>
        (await handle.fetchHistory()).events?.filter(
          ({ activityTaskScheduledEventAttributes: step }) => step?.activityType?.name === 'tryGrant',
        ).length ?? 0;
      await until(async () => (await trials()) === 1, { limitMs: 20_000, what: 'Square was asked', everyMs: 100 });
      await square.revoke(account);
      await until(async () => (await api.connection(venueId, connectionId)).state === 'needs-reauth', {
        limitMs: 20_000,
        what: 'the connection needs its owner',
        everyMs: 100,
      });
      await handle.executeUpdate(DISCONNECT_UPDATE, { args: [{ records: 'keep', requestedBy: 'recorded' }] });
      await handle.result();
      return { 'keep-connection-fresh.revoked': { workflowId, runId: null } };
    },
    async 'keep-connection-fresh.disconnected'() {
      const account = await stripe.addAccount();
      await account.seed(20);
      const { venueId, connectionId, authorizationUrl } = await begin('stripe', 'connect');
      await comeBack(
        (await oauthControl(stripeControlUrl).approve(await browser.open(authorizationUrl), account.id)).redirectUrl,
      );
      await api.sync(venueId, { connectionId, direction: 'pull' });
      const workflowId = keepConnectionFreshWorkflowId(connectionId as ConnectionId);
      await temporal.workflow
        .getHandle(workflowId)
        .executeUpdate(DISCONNECT_UPDATE, { args: [{ records: 'delete', requestedBy: 'recorded' }] });
      return { 'keep-connection-fresh.disconnected': { workflowId, runId: null } };
    },
  };
}
