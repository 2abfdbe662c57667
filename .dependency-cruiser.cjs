const { MAY_IMPORT } = require('./room-table.cjs');

const ROOMS = [...Object.keys(MAY_IMPORT), 'test', 'bench'].join('|');
const inRoom = (names) => `^(${names.join('|')})/`;

const roomRules = Object.entries(MAY_IMPORT).map(([room, allowed]) => ({
  name: `${room}-imports-only-its-rooms`,
  severity: 'error',
  from: { path: inRoom([room]) },
  to: {
    path: `^(${ROOMS})/`,
    pathNot: [inRoom([room, ...allowed]), ...(room === 'api' ? [inRoom(['workflows'])] : [])],
  },
}));

module.exports = {
  forbidden: [
    ...roomRules,
    {
      name: 'api-sees-workflow-types-only',
      severity: 'error',
      from: { path: '^api/' },
      to: { path: '^workflows/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'workflows-import-no-packages-but-temporal',
      comment: 'Workflow code is replayed: Node, I/O and most packages would answer differently the second time.',
      severity: 'error',
      from: { path: '^workflows/' },
      to: {
        dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-no-pkg'],
        pathNot: 'node_modules/@temporalio/(workflow|common)',
      },
    },
    {
      name: 'domain-decides-without-io',
      severity: 'error',
      from: { path: '^domain/' },
      to: { dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-no-pkg'], pathNot: '^(node:)?crypto$|node_modules/zod' },
    },
    {
      name: 'contracts-import-nothing',
      severity: 'error',
      from: { path: '^contracts/' },
      to: { pathNot: '^contracts/' },
    },
    {
      name: 'only-gateways-speak-temporal',
      severity: 'error',
      from: { path: '^api/', pathNot: ['^api/temporal/', '^api/deps\\.ts$'] },
      to: { path: 'node_modules/@temporalio/' },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true, dependencyTypesNot: ['type-only'] } },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    // Compiled beside a client that its test generates.
    exclude: { path: '^test/clients/typescript/' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.mjs'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'types'],
    },
  },
};
// For the test of docs/architecture.md. Not enumerable: dependency-cruiser refuses what it does not know.
Object.defineProperty(module.exports, 'MAY_IMPORT', { value: MAY_IMPORT });
