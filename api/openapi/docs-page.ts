import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Router } from 'express';
import type { RequestHandler } from 'express';
import helmet from 'helmet';
import { page, toHtml } from './html.ts';
import { RECORDS_PAGE, recordsPage } from './records-page.ts';
import { mountGet } from '../http/mount.ts';
import { PROBLEM_PAGE, problemsOf } from '../errors/problems.ts';
import type { RecordKinds } from '../../records/registry.ts';

/** Served from the package in node_modules, so that nothing is loaded from elsewhere. */
const ASSETS_DIRECTORY = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
const ASSETS = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
} as const;
const ASSET_MAX_AGE_S = 3_600;

/** Allows nothing inline, because Swagger UI 5.35 needs none of it (seen in Chromium, 2026-11-21). */
const policy: RequestHandler = helmet.contentSecurityPolicy({
  useDefaults: false,
  directives: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
    fontSrc: ["'self'", 'data:'],
    connectSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'self'"],
    frameAncestors: ["'none'"],
  },
});

// URLs are relative to /docs, so that the page also works behind a proxy that adds a path.
const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Interlock API</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="reference"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
`;

// `validatorUrl: null` keeps the document from being sent to a public validator.
const START = `SwaggerUIBundle({ url: 'openapi.json', dom_id: '#reference', validatorUrl: null, deepLinking: true, displayRequestDuration: true });
`;

/** The router of the reference at /docs, its files, and the pages of record kinds and problem codes. */
export function docsRouter(kinds: RecordKinds): Router {
  const router = Router({ strict: true, caseSensitive: true });
  router.use('/docs', policy);
  mountGet(router, '/docs', text('text/html; charset=utf-8', PAGE));
  mountGet(router, '/docs/start.js', text('text/javascript; charset=utf-8', START));
  mountGet(router, PROBLEM_PAGE, text('text/html; charset=utf-8', problemPage(kinds)));
  mountGet(router, RECORDS_PAGE, text('text/html; charset=utf-8', recordsPage(kinds)));
  for (const [name, type] of Object.entries(ASSETS)) mountGet(router, `/docs/${name}`, asset(name, type));
  return router;
}

function asset(name: string, type: string): RequestHandler {
  let content: Promise<Buffer> | null = null;
  return async (_req, res) => {
    content ??= readFile(join(ASSETS_DIRECTORY, name));
    res.set({ 'Content-Type': type, 'Cache-Control': `public, max-age=${ASSET_MAX_AGE_S}` }).send(await content);
  };
}

function text(type: string, content: string): RequestHandler {
  return (_req, res) => {
    res.set({ 'Content-Type': type, 'Cache-Control': 'no-cache' }).send(content);
  };
}

function problemPage(kinds: RecordKinds): string {
  const sections = Object.entries(problemsOf(kinds)).map(
    ([code, { status, title, meaning, remedy }]) =>
      `<section id="${code}"><h2><code>${code}</code> · ${status}</h2><p><strong>${toHtml(title)}.</strong> ${toHtml(meaning)}</p><p>${toHtml(remedy)}</p></section>`,
  );
  return page('problem codes', `<h1>Problem codes</h1>\n${sections.join('\n')}`);
}
