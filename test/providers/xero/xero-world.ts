import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { ProviderAdapterParts, ResourceSession, ResourceWriter } from '../../../providers/provider.ts';
import { createXeroAdapter } from '../../../providers/xero/adapter.ts';
import type { RecordFields } from '../../../records/record-kind.ts';
import { startXeroSandbox } from '../../../sandbox/xero/xero-sandbox.ts';
import type { XeroSandbox } from '../../../sandbox/xero/xero-sandbox.ts';
import { Secret } from '../../../vault/secret.ts';
import { startAnswerEditingProxy } from '../../support/sandbox/answer-editing-proxy.ts';
import type { AnswerEditingProxy } from '../../support/sandbox/answer-editing-proxy.ts';
import { xeroSandboxControl } from '../../support/sandbox/xero-organisation.ts';
import type { XeroOrganisation } from '../../support/sandbox/xero-organisation.ts';
import { readPages } from '../read-list.ts';
import type { ListQuery } from '../read-list.ts';

/** Xero’s adapter against its stand-in, with a new organisation per test. */
export function createXeroWorld() {
  let sandbox: XeroSandbox;
  let proxy: AnswerEditingProxy;
  let adapter: ProviderAdapterParts;
  let organisation: XeroOrganisation;
  beforeAll(async () => {
    sandbox = await startXeroSandbox();
    proxy = await startAnswerEditingProxy(sandbox.apiUrl);
    const { authorizeUrl, tokenUrl } = sandbox;
    adapter = createXeroAdapter({ ...{ authorizeUrl, tokenUrl }, apiUrl: proxy.url, app: null });
  });
  beforeEach(async () => {
    proxy.edit(null);
    await control().reset();
    await control().clock(0);
    organisation = await control().addOrganisation();
  });
  afterAll(async () => {
    await proxy.close();
    await sandbox.close();
  });
  const control = () => xeroSandboxControl(sandbox);
  const session = (resource: string, token = organisation.token): ResourceSession =>
    adapter
      .open({ secretKey: new Secret(token), onBehalfOf: organisation.id, call: (request) => request() })
      .resource(resource);
  const writer = (resource: string): ResourceWriter => {
    const found = session(resource).writer;
    if (!found) throw new Error(`${resource} are only read`);
    return found;
  };
  const map = (resource: string, fields: RecordFields, { id = randomUUID(), refs = {} } = {}) =>
    adapter.mapping(resource).toPayload({ id, sourceId: 's-1', fields, refs });
  return {
    control,
    session,
    writer,
    map,
    organisation: () => organisation,
    proxy: () => proxy,
    adapter: () => adapter,
  };
}

export { recordsOf } from '../read-list.ts';
export { detailsOf } from '../quickbooks/quickbooks-world.ts';

/** All pages of one list, from the start. */
export const readList = (session: ResourceSession, query: ListQuery) => readPages(session, query, 50);

export const aKey = () => ({ idempotencyKey: `test-${randomUUID()}` });
export const changing = { clearedMetadataKeys: [], externalState: null };

/** A day as Xero writes it. */
export const wireDay = (day: string): string => `/Date(${Date.parse(day)}+0000)/`;
