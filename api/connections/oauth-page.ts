import { createHash } from 'node:crypto';
import type { Response } from 'express';
import type { ApiError } from '../errors/api-error.ts';

const STYLE = `
:root { color-scheme: light dark; --ground: #f3f4f6; --card: #fff; --line: #d5d9de; --ink: #1b1f24; --small: #57606a; --good: #1a7f37; --waiting: #9a6700; --bad: #cf222e; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #0d1117; --card: #161b22; --line: #30363d; --ink: #e6edf3; --small: #9198a1; --good: #3fb950; --waiting: #d29922; --bad: #f85149; }
}
body { margin: 0; padding: 8vh 1rem 2rem; background: var(--ground); color: var(--ink); font: 1.0625rem/1.5 system-ui, sans-serif; }
main { box-sizing: border-box; max-width: 34rem; margin: 0 auto; padding: 1.75rem 1.5rem; background: var(--card); border: 1px solid var(--line); border-top: 0.3rem solid var(--bad); border-radius: 0.5rem; overflow-wrap: anywhere; }
.good main { border-top-color: var(--good); }
.waiting main { border-top-color: var(--waiting); }
h1 { margin: 0; font-size: 1.5rem; line-height: 1.25; text-wrap: balance; }
.facts { margin-top: 1.75rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--small); font-size: 0.875rem; }
.facts p { margin: 0.25rem 0; }
`;

/** Allows no script, image, external resource or framing; the one style sheet is allowed by its digest. */
const POLICY = [
  `default-src 'none'`,
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  `base-uri 'none'`,
  `form-action 'none'`,
  `frame-ancestors 'none'`,
].join('; ');

type Tone = 'good' | 'waiting' | 'bad';

/** A page for account owners who return from the provider. All text is ours or escaped. */
export interface OwnersPage {
  readonly status: number;
  /** The colour of the page; by default it follows the status. */
  readonly tone?: Tone;
  readonly title: string;
  readonly paragraphs: readonly string[];
  /** Small print for support. */
  readonly facts: Readonly<Record<string, string>>;
  /** The browser reloads after this many seconds: a path of ours, or for null the current address. */
  readonly again?: { readonly afterS: number; readonly path: string | null };
}

/** A refusal as a page, with the problem's own text and only the id of the request. */
export function problemPage(
  { code, problem: { status, title, meaning, remedy } }: Pick<ApiError, 'code' | 'problem'>,
  about: {
    readonly detail?: string;
    readonly provider?: string;
    readonly requestId: string;
    readonly retryAfterS?: number | null;
  },
): OwnersPage {
  const detail = about.detail === undefined || about.detail === meaning ? [] : [about.detail];
  return {
    status,
    title,
    paragraphs: [...detail, meaning, remedy].map(withoutCode),
    facts: {
      ...(about.provider === undefined ? {} : { Provider: about.provider }),
      Code: code,
      Request: about.requestId,
    },
    ...(typeof about.retryAfterS === 'number' && { again: { afterS: about.retryAfterS, path: null } }),
  };
}

export function sendPage(res: Response, page: OwnersPage): void {
  res.status(page.status).set({
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy': POLICY,
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-store',
    'X-Robots-Tag': 'noindex',
  });
  res.end(toHtml(page));
}

function toHtml({ status, tone = toneOf(status), title, paragraphs, facts, again }: OwnersPage): string {
  const refresh = again
    ? `\n<meta http-equiv="refresh" content="${again.afterS}${again.path === null ? '' : `;url=${escape(again.path)}`}">`
    : '';
  const small = Object.entries(facts).map(([name, value]) => `<p>${escape(name)}: ${escape(value)}</p>`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">${refresh}
<title>${escape(title)}</title>
<style>${STYLE}</style>
</head>
<body class="${tone}">
<main>
<h1>${escape(title)}</h1>
${paragraphs.map((text) => `<p>${escape(text)}</p>`).join('\n')}
<div class="facts">
${small.join('\n')}
</div>
</main>
</body>
</html>
`;
}

/** The colour of the page's edge; its heading says the same in words. */
function toneOf(status: number): Tone {
  if (status === 202) return 'waiting';
  return status < 300 ? 'good' : 'bad';
}

/** Backticks are for docs/errors.md only. */
const withoutCode = (text: string): string => text.replaceAll('`', '');

function escape(text: string): string {
  return text
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/'/g, '&#39;');
}
