import tseslint from 'typescript-eslint';

/** An error thrown in a `finally` replaces the error that led there, and fails work that is done. */
const SAFE_FINALLY = {
  selector: "TryStatement > BlockStatement.finalizer AwaitExpression:not([argument.callee.property.name='catch'])",
  message: 'Catch what may be thrown here: it would replace the error that led here, or fail work that is done.',
};

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
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/only-throw-error': ['error', { allowThrowingUnknown: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 110, skipBlankLines: true, skipComments: true }],
      complexity: ['error', 10],
      'max-params': ['error', 3],
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Export by name: one name for one thing everywhere.' },
        { selector: 'TSEnumDeclaration', message: 'Use a const object and a union type.' },
        {
          selector: 'MemberExpression[object.name=process][property.name=env]',
          message: 'Only a main.ts reads the environment.',
        },
        SAFE_FINALLY,
      ],
      'no-console': 'error',
    },
  },
  // Entry points read the environment once. The local runtime and the benchmarks are command-line programs: they print.
  {
    files: ['**/main.ts', 'runtime/**', 'checks/**', 'bench/**'],
    rules: { 'no-restricted-syntax': ['error', SAFE_FINALLY], 'no-console': 'off' },
  },
  {
    files: ['test/**', 'bench/**'],
    rules: {
      'max-lines-per-function': 'off',
      'max-params': 'off',
      'no-restricted-syntax': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
);
