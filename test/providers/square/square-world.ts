import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { ProviderAdapterParts, ResourceSession } from '../../../providers/provider.ts';
import { createSquareAdapter } from '../../../providers/square/adapter.ts';
import { startSquareSandbox } from '../../../sandbox/square/square-sandbox.ts';
import type { SquareSandbox } from '../../../sandbox/square/square-sandbox.ts';
import { Secret } from '../../../vault/secret.ts';
import { readPages } from '../read-list.ts';
import type { ListQuery } from '../read-list.ts';
import { startAnswerEditingProxy } from '../../support/sandbox/answer-editing-proxy.ts';
import type { AnswerEditingProxy } from '../../support/sandbox/answer-editing-proxy.ts';
import { squareSandboxControl } from '../../support/sandbox/square-merchant.ts';
import type { SquareMerchant } from '../../support/sandbox/square-merchant.ts';

/** Square's adapter against its stand-in, with a new merchant per test. */
export function createSquareWorld() {
  let sandbox: SquareSandbox;
  let proxy: AnswerEditingProxy;
  let adapter: ProviderAdapterParts;
  let merchant: SquareMerchant;
  beforeAll(async () => {
    sandbox = await startSquareSandbox();
    proxy = await startAnswerEditingProxy(sandbox.apiUrl);
    adapter = createSquareAdapter({ apiUrl: proxy.url, environment: 'sandbox', app: null });
  });
  beforeEach(async () => {
    proxy.edit(null);
    await control().reset();
    await control().clock(0);
    merchant = await control().addMerchant();
  });
  afterAll(async () => {
    await proxy.close();
    await sandbox.close();
  });
  const control = () => squareSandboxControl(sandbox);
  /** `accounts`: the chosen locations; null for all. */
  const session = (resource: string, accounts: readonly string[] | null = null): ResourceSession =>
    adapter.open({ secretKey: new Secret(merchant.token), accounts, call: (request) => request() }).resource(resource);
  return {
    control,
    session,
    merchant: () => merchant,
    proxy: () => proxy,
    adapter: () => adapter,
  };
}

export { allTime, recordsOf } from '../read-list.ts';

/** All pages of one list, from the start. */
export const readList = (session: ResourceSession, query: ListQuery) => readPages(session, query, 200);
