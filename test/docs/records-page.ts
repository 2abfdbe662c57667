import { describeFields, describeFilters } from '../../records/describe.ts';
import type { RecordKind } from '../../records/record-kind.ts';
import type { RecordKinds } from '../../records/registry.ts';

const INTRODUCTION = `# Records

Made from the descriptors in \`records/\`; do not edit it. \`npm test -- test/docs/records.test.ts -u\` writes it anew, and the test fails while it differs. A running copy shows the same at \`/docs/records\`.

Every record also has \`id\`, \`venueId\`, \`sourceId\`, \`version\`, \`createdAt\`, \`updatedAt\`, \`deletedAt\` and \`links\`. Every list can be filtered by \`sourceId\`, \`updatedSince\`, \`connectionId\` and \`includeDeleted\`. Limits hold for what callers send; what a pull has stored may go beyond them, and can be sent back as it was read.
`;

/** Renders docs/records.md for these kinds. */
export const renderRecordsPage = (kinds: RecordKinds): string =>
  `${INTRODUCTION}\n${kinds.all.map(sectionOf).join('\n')}`;

function sectionOf(kind: RecordKind): string {
  const fields = describeFields(kind).map(({ name, type, presence, about }) =>
    row([`\`${name}\``, type, presence, about]),
  );
  const filters = describeFilters(kind).map(({ name, about }) => row([`\`${name}\``, about]));
  const lists =
    filters.length === 0
      ? []
      : ['', row(['filter of the list', 'shows records whose']), row(['---', '---']), ...filters];
  return [
    `## ${kind.name}`,
    '',
    kind.description,
    '',
    row(['field', 'type', '', 'about']),
    row(['---', '---', '---', '---']),
    ...fields,
    ...lists,
    '',
  ].join('\n');
}

const row = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
