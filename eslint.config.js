import { existsSync, readdirSync } from 'node:fs';
import tseslint from 'typescript-eslint';

/** An error thrown in a `finally` replaces the error that led there, and fails work that is done. */
const SAFE_FINALLY = {
  selector: "TryStatement > BlockStatement.finalizer AwaitExpression:not([argument.callee.property.name='catch'])",
  message: 'Catch what may be thrown here: it would replace the error that led here, or fail work that is done.',
};

/** A provider is a folder and a line of the registry: what depends on one belongs into its folder. */
const PROVIDER_IDS = readdirSync(new URL('providers', import.meta.url)).filter((name) =>
  existsSync(new URL(`providers/${name}/index.ts`, import.meta.url)),
);
const ANY_PROVIDER = `/^(${PROVIDER_IDS.join('|')})$/`;
const PROVIDER_ID_MESSAGE = 'Take the provider from the registry, or move what is its own into its folder.';
const NO_PROVIDER_IDS = [
  { selector: `Literal[value=${ANY_PROVIDER}]`, message: PROVIDER_ID_MESSAGE },
  { selector: `TemplateElement[value.raw=${ANY_PROVIDER}]`, message: PROVIDER_ID_MESSAGE },
];

const GENERAL = [
  { selector: 'ExportDefaultDeclaration', message: 'Export by name: one name for one thing everywhere.' },
  { selector: 'TSEnumDeclaration', message: 'Use a const object and a union type.' },
  {
    selector: 'MemberExpression[object.name=process][property.name=env]',
    message: 'Only a main.ts reads the environment.',
  },
  SAFE_FINALLY,
];

/** Signatures of providers are checked by the kit alone: by its definition of webhooks, with every secret, in constant time. */
const NO_SIGNATURES = ['node:crypto', 'crypto'].map((name) => ({
  name,
  importNames: ['createHmac', 'createVerify', 'timingSafeEqual', 'verify'],
  message: "Check a provider's signature in its definition of webhooks.",
}));

// Rules that need types stand in .oxlintrc.json, which takes half of the time for all of them. One of typescript-eslint's strict
// set has no counterpart there and is not checked: no-unsafe-class-instance-assignment.
export default tseslint.config(
  {
    ignores: [
      'dist/**',
      'coverage/**',
      'test/clients/typescript/**',
      '.interlock/**',
      '**/*.js',
      '**/*.cjs',
      '**/*.mjs',
    ],
  },
  ...tseslint.configs.strict,
  {
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 110, skipBlankLines: true, skipComments: true }],
      complexity: ['error', 10],
      'max-params': ['error', 3],
      'no-restricted-syntax': ['error', ...GENERAL, ...NO_PROVIDER_IDS],
      'no-restricted-imports': ['error', { paths: NO_SIGNATURES }],
      'no-console': 'error',
    },
  },
  // Entry points read the environment once. The local runtime and the benchmarks are command-line programs: they print.
  {
    files: ['**/main.ts', 'runtime/**', 'checks/**', 'bench/**'],
    rules: { 'no-restricted-syntax': ['error', SAFE_FINALLY, ...NO_PROVIDER_IDS], 'no-console': 'off' },
  },
  {
    files: ['providers/**', 'sandbox/**', 'findings/**'],
    rules: { 'no-restricted-syntax': ['error', ...GENERAL], 'no-restricted-imports': 'off' },
  },
  { files: ['sandbox/main.ts'], rules: { 'no-restricted-syntax': ['error', SAFE_FINALLY] } },
  // Seals and opens secrets of our own.
  { files: ['vault/**'], rules: { 'no-restricted-imports': 'off' } },
  {
    files: ['test/**', 'bench/**'],
    rules: {
      'max-lines-per-function': 'off',
      'max-params': 'off',
      'no-restricted-syntax': 'off',
      'no-restricted-imports': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
);
