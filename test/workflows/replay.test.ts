import { readFileSync, readdirSync } from 'node:fs';
import { DeterminismViolationError } from '@temporalio/workflow';
import { Worker } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import * as deadLetterContract from '../../contracts/dead-letters.ts';
import * as connectionContract from '../../contracts/connections.ts';
import * as mappingContract from '../../contracts/mappings.ts';
import * as reconciliationContract from '../../contracts/reconciliation.ts';
import * as inboxContract from '../../contracts/inbox.ts';
import * as outgoingContract from '../../contracts/outgoing-webhooks.ts';
import * as reportContract from '../../contracts/reports.ts';
import * as syncContract from '../../contracts/sync.ts';
import * as vaultContract from '../../contracts/vault.ts';
import * as venueContract from '../../contracts/venues.ts';
import { REPOSITORY } from '../../runtime/start/home.ts';
import * as workflows from '../../workflows/index.ts';
import { activitiesIn, parseHistory, textOf } from '../support/history.ts';
import { buildWorkflowBundle } from '../../worker/workflow-bundle.ts';
import { installTemporalRuntime } from '../support/services/temporal-runtime.ts';

const contracts = {
  ...connectionContract,
  ...deadLetterContract,
  ...inboxContract,
  ...mappingContract,
  ...outgoingContract,
  ...reconciliationContract,
  ...reportContract,
  ...syncContract,
  ...vaultContract,
  ...venueContract,
};
const HISTORIES = new URL('./histories/', import.meta.url);
const FILES = readdirSync(HISTORIES);
const read = (file: string): string => readFileSync(new URL(file, HISTORIES), 'utf8');

/**
 * A failure here means that a change would break runs that are open when it is deployed. Guard the change with
 * patched() instead of editing the history. Needs no server. `record-history.ts` records more.
 */
describe('a run that an earlier version began', () => {
  let code: string;

  beforeAll(async () => {
    // Each replay creates a worker, which logs its states.
    installTemporalRuntime();
    ({ code } = await buildWorkflowBundle());
  }, 60_000);

  it.each(FILES)('replays under this version: %s', async (file) => {
    await Worker.runReplayHistory({ workflowBundle: { code } }, JSON.parse(read(file)), file);
  });

  it('is not replayed when its first step differs', async () => {
    const other = read('sync-connection.push-completed.json').replaceAll('"beginSync"', '"planSync"');
    await expect(Worker.runReplayHistory({ workflowBundle: { code } }, JSON.parse(other), 'another')).rejects.toThrow(
      DeterminismViolationError,
    );
  });
});

describe('the recorded histories', () => {
  it('cover every workflow type, and every way that a run ends', () => {
    const recorded = FILES.map(
      (file) => parseHistory(read(file)).events?.[0]?.workflowExecutionStartedEventAttributes?.workflowType?.name,
    );
    expect(new Set(recorded)).toEqual(new Set(Object.keys(workflows)));
    const ends = FILES.map((file) =>
      Object.keys(parseHistory(read(file)).events?.at(-1) ?? {}).find((key) => key.startsWith('workflowExecution')),
    );
    expect(new Set(ends)).toEqual(
      new Set(
        ['Completed', 'Canceled', 'Failed', 'ContinuedAsNew'].map((end) => `workflowExecution${end}EventAttributes`),
      ),
    );
  });

  it('cover every step of a run, every signal, and every way that it waits and resumes', () => {
    const events = FILES.filter((file) => file.startsWith('sync-connection.')).flatMap(
      (file) => parseHistory(read(file)).events ?? [],
    );
    expect(new Set(activitiesIn(events))).toEqual(
      new Set(['beginSync', 'syncChunk', 'requestStop', 'parkSync', 'noteApproval', 'finishSync']),
    );
    const signals = events.flatMap(({ workflowExecutionSignaledEventAttributes: signal }) => signal?.signalName ?? []);
    expect(new Set(signals)).toEqual(new Set([contracts.WAKE_SIGNAL, contracts.APPROVE_SIGNAL]));
    const timers = events.flatMap((event) =>
      Object.keys(event).filter(
        (key) => /^timer(Fired|Canceled)/.test(key) && event[key as keyof typeof event] != null,
      ),
    );
    expect(new Set(timers)).toEqual(new Set(['timerFiredEventAttributes', 'timerCanceledEventAttributes']));
  });

  it.each(FILES)('hold nothing about a person or a machine, and are small: %s', (file) => {
    const text = textOf(parseHistory(read(file)));
    expect(text).toContain(camelCase(file.split('.')[0] ?? ''));
    expect(text).not.toMatch(/[\w.+-]+@[\w-]+\.[a-z]{2,}|\b\d+@|sk_test_|Customer \d|\+\d{6}/);
    expect(text).not.toMatch(/file:\/\/|(^|[\s(])\/(home|root|Users|tmp|var|work)\//m);
    expect(text).not.toContain(REPOSITORY);
    expect(Buffer.byteLength(read(file))).toBeLessThan(100_000);
  });
});

const camelCase = (name: string): string => name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

describe('the workflows, signals, queries and updates that the API names', () => {
  const sources = readdirSync(`${REPOSITORY}/api`, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(`${REPOSITORY}/api/${file}`, 'utf8'))
    .join('\n');
  /** A string literal, or a constant that contracts/ exports. */
  const named = (name: string): string => {
    const known = name.startsWith("'")
      ? name.replaceAll("'", '')
      : (contracts as Readonly<Record<string, unknown>>)[name];
    if (typeof known !== 'string')
      throw new Error(`the name ${name} of a workflow, signal, query or update belongs into contracts/`);
    return known;
  };
  /** The first arguments of the matching calls. */
  const firstArguments = (call: string): readonly string[] =>
    [...sources.matchAll(new RegExp(`${call}(?:<[^(]*>)?\\(\\s*([\\w']+)`, 'g'))].map(([, name = '']) => named(name));
  const namesAskedFor = (method: string) =>
    firstArguments(`\\b(?:workflow|handle|getHandle\\([^)]*\\))\\s*\\.(?:${method})`);

  it('include only workflows that the worker has', () => {
    const started = [
      ...namesAskedFor('start|execute|signalWithStart'),
      ...firstArguments('\\bnew WithStartWorkflowOperation'),
    ];
    expect(started.length).toBeGreaterThan(0);
    expect(started.filter((name) => !(name in workflows))).toEqual([]);
  });

  it('include only signals, queries and updates that some workflow handles', () => {
    const handlers = readdirSync(`${REPOSITORY}/workflows`, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => readFileSync(`${REPOSITORY}/workflows/${file}`, 'utf8'))
      .join('\n');
    const handled = new Set(
      [...handlers.matchAll(/define(?:Signal|Query|Update)(?:<[^(]*>)?\(\s*'?(\w+)/g)].map(
        ([, name = '']) => (contracts as Readonly<Record<string, unknown>>)[name] ?? name,
      ),
    );
    expect(
      namesAskedFor('signal|query|executeUpdate|startUpdate|executeUpdateWithStart|startUpdateWithStart').filter(
        (name) => !handled.has(name),
      ),
    ).toEqual([]);
  });
});
