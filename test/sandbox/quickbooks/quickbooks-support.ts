import { startQuickBooksSandbox } from '../../../sandbox/quickbooks/quickbooks-sandbox.ts';
import type { OAuthSandboxOptions } from '../../../sandbox/oauth/oauth-sandbox.ts';
import { later } from '../../support/later.ts';
import { quickbooksSandboxControl } from '../../support/sandbox/quickbooks-company.ts';

/** A stand-in QuickBooks for this test only, with one company. */
export async function aQuickBooks(options: OAuthSandboxOptions = {}) {
  const sandbox = await startQuickBooksSandbox(options);
  later(() => sandbox.close());
  const control = quickbooksSandboxControl(sandbox);
  const [company] = await control.companies();
  if (!company) throw new Error('a stand-in QuickBooks has companies from the start');
  return { ...sandbox, control, company };
}

interface Fault {
  readonly Fault: {
    readonly type: string;
    readonly Error: readonly { readonly code: string; readonly Message: string }[];
  };
}

/** The status and the first error of a refusal. */
export async function refusalOf(answer: Promise<{ readonly status: number; readonly body: unknown }>) {
  const { status, body } = await answer;
  const { Fault } = body as Fault;
  return { status, type: Fault.type, code: Fault.Error[0]?.code, message: Fault.Error[0]?.Message };
}

export const queryPath = (query: string): string => `query?minorversion=75&query=${encodeURIComponent(query)}`;
