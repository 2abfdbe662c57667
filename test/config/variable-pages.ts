import type { Variable } from '../../config/variable.ts';

type Variables = readonly (readonly [string, Variable])[];

const ROW = /^\| `[A-Z_]+` \|.*\n/gm;

/** The page with its table generated anew. */
export function configurationPage(page: string, variables: Variables): string {
  const start = page.search(ROW);
  const rest = page.slice(start).replace(ROW, '');
  return page.slice(0, start) + variables.map(([name, variable]) => rowOf(name, variable)).join('') + rest;
}

function rowOf(name: string, { description, obtain, form, neededBy = '–', readBy, ...more }: Variable): string {
  const standard = more.default === undefined ? '–' : `\`${more.default}\``;
  const cells = [
    `\`${name}\``,
    description,
    `${obtain} Must be ${form}.`,
    standard,
    neededBy,
    readBy.join(', '),
    more.secret ? 'yes' : 'no',
  ];
  return `| ${cells.join(' | ')} |\n`;
}

/** The file with all its entries generated anew; the head stays. */
export function exampleEnvironment(file: string, variables: Variables): string {
  const [head = ''] = file.split('\n\n');
  const entries = variables.map(([name, { description, ...more }]) => {
    const line = more.default === undefined ? `${name}=` : `# ${name}=${more.default}`;
    return `# ${description.replaceAll('`', '')}\n${line}`;
  });
  return `${[head, ...entries].join('\n\n')}\n`;
}
