import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { createQuickBooksAdapter } from '../../../providers/quickbooks/adapter.ts';
import { ProviderError } from '../../../providers/provider-error.ts';
import type { ProviderAdapterParts, ResourceSession, ResourceWriter } from '../../../providers/provider.ts';
import type { RecordFields } from '../../../records/record-kind.ts';
import { startQuickBooksSandbox } from '../../../sandbox/quickbooks/quickbooks-sandbox.ts';
import type { QuickBooksSandbox } from '../../../sandbox/quickbooks/quickbooks-sandbox.ts';
import { Secret } from '../../../vault/secret.ts';
import { readPages } from '../read-list.ts';
import type { ListQuery } from '../read-list.ts';
import { startAnswerEditingProxy } from '../../support/sandbox/answer-editing-proxy.ts';
import type { AnswerEditingProxy } from '../../support/sandbox/answer-editing-proxy.ts';
import { quickbooksSandboxControl } from '../../support/sandbox/quickbooks-company.ts';
import type { QuickBooksCompany } from '../../support/sandbox/quickbooks-company.ts';

/** QuickBooks' adapter against its stand-in, with a new company per test. */
export function createQuickBooksWorld() {
  let sandbox: QuickBooksSandbox;
  let proxy: AnswerEditingProxy;
  let adapter: ProviderAdapterParts;
  let company: QuickBooksCompany;
  beforeAll(async () => {
    sandbox = await startQuickBooksSandbox();
    proxy = await startAnswerEditingProxy(sandbox.apiUrl);
    const { authorizeUrl, tokenUrl, revokeUrl } = sandbox;
    adapter = createQuickBooksAdapter({
      ...{ apiUrl: proxy.url, authorizeUrl, tokenUrl, revokeUrl, environment: 'sandbox', app: null },
    });
  });
  beforeEach(async () => {
    proxy.edit(null);
    await control().reset();
    await control().clock(0);
    company = await control().addCompany();
  });
  afterAll(async () => {
    await proxy.close();
    await sandbox.close();
  });
  const control = () => quickbooksSandboxControl(sandbox);
  const session = (resource: string): ResourceSession =>
    adapter
      .open({ secretKey: new Secret(company.token), onBehalfOf: company.id, call: (request) => request() })
      .resource(resource);
  const writer = (resource: string): ResourceWriter => {
    const found = session(resource).writer;
    if (!found) throw new Error(`${resource} are only read`);
    return found;
  };
  const map = (resource: string, fields: RecordFields) =>
    adapter.mapping(resource).toPayload({ id: randomUUID(), sourceId: 's-1', fields });
  return { control, session, writer, map, company: () => company, proxy: () => proxy, adapter: () => adapter };
}

export { allTime, recordsOf } from '../read-list.ts';

/** All pages of one list, from the start. */
export const readList = (session: ResourceSession, query: ListQuery) => readPages(session, query, 50);

export const aKey = () => ({ idempotencyKey: `test-${randomUUID()}` });
export const changing = { clearedMetadataKeys: [], externalState: null };

/** The details of the ProviderError that a call ends with. */
export async function detailsOf(call: Promise<unknown>) {
  const error = await call.then(
    () => null,
    (caught: unknown) => caught,
  );
  if (!(error instanceof ProviderError)) throw new Error('the call was not refused by the provider');
  return error.details;
}
