import type { Limit } from '../../contracts/providers.ts';
import { oauthMethodOf } from '../../providers/kit/define-provider.ts';
import type { ProviderDefinition } from '../../providers/kit/define-provider.ts';
import type { RecordKinds } from '../../records/registry.ts';

const NONE = '–';

/** `docs/providers/README.md`: what each adapter declares, side by side. */
export function renderProviderMatrix(providers: readonly ProviderDefinition[], kinds: RecordKinds): string {
  const table = (rows: readonly (readonly [string, (provider: ProviderDefinition) => string])[]) =>
    [
      `| | ${providers.map(({ id, displayName }) => `[${displayName}](${id}.md)`).join(' | ')} |`,
      `| --- |${' --- |'.repeat(providers.length)}`,
      ...rows.map(([what, tell]) => `| ${what} | ${providers.map((provider) => tell(provider)).join(' | ')} |`),
    ].join('\n');
  const resources = kinds.names.filter((name) => providers.some((provider) => directionsOf(provider, name) !== NONE));
  return `# Providers

What each adapter declares. Written by \`npm test -- test/docs/provider-matrix.test.ts -u\`.

## What is synced
\`both\`: pulled, pushed, or merged in one run.

${table([
  ...resources.map((name) => [name, (provider: ProviderDefinition) => directionsOf(provider, name)] as const),
  ['reports on demand', ({ reports = [] }) => reports.map(({ id }) => `\`${id}\``).join(', ') || NONE],
])}

## How it is reached
${table([
  ['API version', ({ apiVersion }) => apiVersion.name],
  ['connect', connectOf],
  ['accounts of a grant', (provider) => oauthMethodOf(provider)?.accounts?.kind ?? NONE],
  ['limits, live', ({ limits }) => limits.production.map(limitText).join(', ')],
  ['limits, sandbox', ({ limits }) => limits.sandbox.map(limitText).join(', ')],
  ['events come to', addressOf],
])}
`;
}

function directionsOf({ resources }: ProviderDefinition, name: string): string {
  const { directions = [] } = resources.find(({ resource }) => resource === name) ?? {};
  return directions.includes('both') ? 'both' : directions.join(', ') || NONE;
}

const connectOf = ({ connect }: ProviderDefinition): string =>
  connect.map(({ kind }) => (kind === 'oauth' ? 'consent' : 'key')).join(', ');

const UNITS: Readonly<Record<number, string>> = { 1: 'second', 60: 'minute', 3_600: 'hour', 86_400: 'day' };

function limitText(limit: Limit): string {
  if (limit.kind === 'concurrent') return `${limit.count} at once`;
  const { count, perSeconds, scope, callClass } = limit;
  const whose = scope === 'app' ? ' of the app' : '';
  const which = callClass === undefined ? '' : ` (${callClass})`;
  return `${count.toLocaleString('en')} a ${UNITS[perSeconds] ?? 'month'}${whose}${which}`;
}

function addressOf({ webhooks }: ProviderDefinition): string {
  if (!webhooks) return NONE;
  const own =
    webhooks.connectionEndpoint &&
    `an address of the connection${webhooks.registers ? ', registered by the service' : ''}`;
  return [...(webhooks.secrets === null ? [] : ['one address for all accounts']), ...(own ? [own] : [])].join('; ');
}
