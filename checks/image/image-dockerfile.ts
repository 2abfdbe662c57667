import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { REPOSITORY } from '../../runtime/start/home.ts';

/** One `FROM … AS name` with its instructions. */
export interface DockerStage {
  readonly name: string;
  /** An image, or another stage's name. */
  readonly base: string;
  readonly instructions: readonly Instruction[];
}

export interface Instruction {
  /** In capitals: COPY, RUN, CMD … */
  readonly keyword: string;
  readonly text: string;
}

export interface Copy {
  /** Null: from the repository. */
  readonly fromStage: string | null;
  readonly sources: readonly string[];
  readonly target: string;
}

const exec = z.array(z.string()).min(1);

/** The stages of our Dockerfile. Understands what it uses: comments, exec forms, ARG before the first FROM; no heredocs, no escapes. */
export function readDockerfile(file = path.join(REPOSITORY, 'Dockerfile')): readonly DockerStage[] {
  const instructions = instructionsIn(readFileSync(file, 'utf8'));
  const starts = instructions.flatMap(({ keyword }, index) => (keyword === 'FROM' ? [index] : []));
  const args = instructions
    .slice(0, starts[0])
    .filter(({ keyword }) => keyword === 'ARG')
    .map(({ text }) => text.split('=', 2) as [string, string]);
  return starts.map((start, index) => {
    const [base = '', , name = ''] = args
      .reduce((text, [arg, value]) => text.replaceAll(`\${${arg}}`, value), instructions[start]?.text ?? '')
      .split(/\s+/);
    return { name, base, instructions: instructions.slice(start + 1, starts[index + 1]) };
  });
}

function instructionsIn(text: string): readonly Instruction[] {
  const lines = text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  return lines.map((line) => {
    const [, keyword = '', rest = ''] = /^(\S+)\s+(.*)$/.exec(line) ?? [];
    return { keyword, text: rest };
  });
}

/** A stage with all that it inherits from the stages below it, oldest first. @throws Error when there is no such stage. */
export function inherited(stages: readonly DockerStage[], name: string): readonly Instruction[] {
  const stage = stages.find((candidate) => candidate.name === name);
  if (stage === undefined) throw new Error(`the Dockerfile has no stage "${name}"`);
  const below = stages.some(({ name: known }) => known === stage.base) ? inherited(stages, stage.base) : [];
  return [...below, ...stage.instructions];
}

export function copiesOf(instructions: readonly Instruction[]): readonly Copy[] {
  return instructions
    .filter(({ keyword }) => keyword === 'COPY')
    .map(({ text }) => {
      const words = text.split(/\s+/);
      const from = words.find((word) => word.startsWith('--from='));
      const paths = words.filter((word) => !word.startsWith('--'));
      return {
        fromStage: from?.slice('--from='.length) ?? null,
        sources: paths.slice(0, -1),
        target: paths.at(-1) ?? '',
      };
    });
}

/** The shell commands of RUN, without build mounts. */
export function commandsOf(instructions: readonly Instruction[]): readonly string[] {
  return instructions.filter(({ keyword }) => keyword === 'RUN').map(({ text }) => text.replace(/^(--\S+\s+)+/, ''));
}

/** What a container runs and checks, and its signals. The last instruction of each kind counts, as in Docker. */
export interface ContainerStart {
  readonly command: readonly string[];
  /** Null: HEALTHCHECK NONE. */
  readonly healthCommand: readonly string[] | null;
  readonly env: Readonly<Record<string, string>>;
  readonly user: string;
  readonly stopSignal: string;
}

export function containerStartOf(instructions: readonly Instruction[]): ContainerStart {
  const last = (keyword: string): string =>
    instructions.findLast((instruction) => instruction.keyword === keyword)?.text ?? '';
  const health = /CMD\s+(\[.*\])$/.exec(last('HEALTHCHECK'))?.[1];
  const env = instructions
    .filter(({ keyword }) => keyword === 'ENV')
    .flatMap(({ text }) => text.split(/\s+/).map((pair) => pair.split('=', 2) as [string, string]));
  return {
    command: exec.parse(JSON.parse(last('CMD'))),
    healthCommand: health === undefined ? null : exec.parse(JSON.parse(health)),
    env: Object.fromEntries(env),
    user: last('USER'),
    stopSignal: last('STOPSIGNAL'),
  };
}
