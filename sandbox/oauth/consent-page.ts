import { createHash } from 'node:crypto';
import type { Account } from './ledger-rows.ts';
import type { Reply } from './exchange.ts';

const STYLE = `
:root { color-scheme: light dark; --ground: #f3f4f6; --card: #fff; --line: #d5d9de; --ink: #1b1f24; --small: #57606a; --act: #0757b8; --on-act: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #0d1117; --card: #161b22; --line: #3d444d; --ink: #e6edf3; --small: #9198a1; --act: #4493f8; --on-act: #0d1117; }
}
body { margin: 0; padding: 8vh 1rem 2rem; background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { box-sizing: border-box; max-width: 34rem; margin: 0 auto; padding: 1.75rem 1.5rem; background: var(--card); border: 1px solid var(--line); border-radius: 0.5rem; overflow-wrap: anywhere; }
h1 { margin: 0; font-size: 1.5rem; line-height: 1.25; }
code { font-size: 0.875rem; }
ul { margin: 0.5rem 0 1.25rem; padding-left: 1.25rem; }
fieldset { min-width: 0; margin: 1.25rem 0; padding: 0 1rem; border: 1px solid var(--line); border-radius: 0.375rem; }
legend { padding: 0 0.375rem; font-weight: 600; }
label { display: flex; gap: 0.625rem; align-items: baseline; padding: 0.625rem 0; }
label + label { border-top: 1px solid var(--line); }
button { min-width: 7rem; min-height: 2.75rem; margin-right: 0.5rem; font: inherit; font-weight: 600; color: var(--ink); background: none; border: 1px solid var(--line); border-radius: 0.375rem; }
button[value=allow] { color: var(--on-act); background: var(--act); border-color: var(--act); }
:focus-visible { outline: 3px solid var(--act); outline-offset: 2px; }
.small { margin: 1.25rem 0 0; color: var(--small); font-size: 0.875rem; }
`;

/**
 * Headers of both pages: no scripts, no external resources, no framing. `form-action` is deliberately absent because
 * browsers also apply it to the redirect.
 */
const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; frame-ancestors 'none'; base-uri 'none'`,
  'referrer-policy': 'no-referrer',
};

export interface ConsentForm {
  /** The provider's name. */
  readonly provider: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly accounts: readonly Account[];
  /** Path that receives the form. */
  readonly action: string;
  /** The query of the authorisation URL, sent back with the decision. */
  readonly request: string;
}

/**
 * The page on which an account owner chooses an account and allows or denies access. Choosing `new` creates an account.
 */
export function consentPage({ provider, clientId, scopes, accounts, action, request }: ConsentForm): Reply {
  const choices = accounts.map(({ id, name }, index) => choice(id, `${name} (${id})`, index === 0));
  const body = `<h1>${escape(provider)} sandbox</h1>
<p>The application <code>${escape(clientId)}</code> asks for access${scopes.length === 0 ? ' to your account.' : ' to:'}</p>
${scopes.length === 0 ? '' : `<ul>${scopes.map((scope) => `<li><code>${escape(scope)}</code></li>`).join('')}</ul>`}
<form method="post" action="${escape(action)}">
<input type="hidden" name="request" value="${escape(request)}">
<fieldset><legend>Account</legend>
${[...choices, choice('new', 'another account, made now', accounts.length === 0)].join('\n')}
</fieldset>
<button name="decision" value="allow">Allow</button><button name="decision" value="deny">Deny</button>
</form>
<p class="small">A stand-in for ${escape(provider)}: nothing here reaches the real one.</p>`;
  return page(200, `${provider} sandbox: allow access?`, body);
}

/** The page for an invalid authorisation URL, which offers no safe place to redirect to. */
export function problemPage(provider: string, problem: string): Reply {
  return page(
    400,
    `${provider} sandbox: this link is wrong`,
    `<h1>${escape(provider)} sandbox</h1><p>${escape(problem)}</p>`,
  );
}

function choice(value: string, text: string, checked: boolean): string {
  return `<label><input type="radio" name="account" value="${escape(value)}"${checked ? ' checked' : ''}><span>${escape(text)}</span></label>`;
}

function page(status: number, title: string, body: string): Reply {
  return {
    status,
    headers: HEADERS,
    changes: [],
    body: `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escape(title)}</title><style>${STYLE}</style></head><body><main>${body}</main></body></html>`,
  };
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
