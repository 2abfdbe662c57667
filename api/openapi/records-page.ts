import { describeFields, describeFilters } from '../../records/describe.ts';
import type { RecordKind } from '../../records/record-kind.ts';
import type { RecordKinds } from '../../records/registry.ts';
import { page, toHtml } from './html.ts';

/** Where the kinds of record are explained. */
export const RECORDS_PAGE = '/docs/records';

/** The kinds of record that this process serves, with their fields and filters. */
export const recordsPage = (kinds: RecordKinds): string =>
  page('records', `<h1>Records</h1>\n${kinds.all.map(sectionOf).join('\n')}`);

function sectionOf(kind: RecordKind): string {
  const fields = describeFields(kind).map(({ name, type, presence, about }) =>
    row([`\`${name}\``, type, presence, about]),
  );
  const filters = describeFilters(kind).map(({ name, about }) => row([`\`${name}\``, about]));
  return [
    `<section id="${kind.name}"><h2><code>${kind.name}</code></h2><p>${toHtml(kind.description)}</p>`,
    `<table><tr><th>field</th><th>type</th><th></th><th>about</th></tr>${fields.join('')}</table>`,
    filters.length === 0
      ? ''
      : `<table><tr><th>filter of the list</th><th>shows records whose</th></tr>${filters.join('')}</table>`,
    '</section>',
  ].join('');
}

const row = (cells: readonly string[]): string =>
  `<tr>${cells.map((cell) => `<td>${toHtml(cell)}</td>`).join('')}</tr>`;
