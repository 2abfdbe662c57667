// Which room may import which. Anything not listed is forbidden. docs/architecture.md prints the same table; a test holds the two together.
const MAY_IMPORT = {
  contracts: [],
  // `records` for what a field is: mappings decide over the fields of a kind.
  domain: ['contracts', 'records'],
  // What each kind of record is, as data.
  records: ['contracts'],
  // Evaluates JSONata in a thread of its own.
  expressions: ['domain'],
  telemetry: ['contracts'],
  // Reads and validates the environment for every process.
  config: ['contracts', 'vault'],
  vault: ['contracts'],
  // `config` for the kinds of settings that a provider declares.
  providers: ['contracts', 'domain', 'records', 'config', 'vault'],
  // `config` for db/main.ts, the migrations' command line.
  db: ['contracts', 'domain', 'records', 'config'],
  workflows: ['contracts', 'domain'],
  activities: ['contracts', 'domain', 'records', 'expressions', 'providers', 'vault', 'db', 'telemetry'],
  api: ['contracts', 'domain', 'records', 'expressions', 'config', 'providers', 'vault', 'db', 'telemetry'],
  worker: [
    'contracts',
    'domain',
    'records',
    'expressions',
    'config',
    'providers',
    'vault',
    'db',
    'telemetry',
    'activities',
  ],
  // Stand-ins share nothing with what they stand in for: a shared mistake would hide itself.
  sandbox: [],
  // Starts the other processes and waits for them; it sees their configuration, never their code.
  // `providers` for the registry: which stand-ins there are, and the settings of their providers.
  runtime: ['contracts', 'config', 'db', 'telemetry', 'providers'],
  // Programs run by hand against a whole system: browser walk, fuzzing, container image, Temporal on Postgres.
  checks: ['contracts', 'config', 'db', 'telemetry', 'runtime'],
};

module.exports = { MAY_IMPORT };
