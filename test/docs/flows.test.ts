import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CONNECTION_STATES } from '../../contracts/providers.ts';
import { SYNC_PHASES } from '../../contracts/sync.ts';

const PAGE = readFileSync(new URL('../../docs/flows.md', import.meta.url), 'utf8');

/** The Mermaid diagram under a heading. */
function diagramUnder(heading: string): readonly string[] {
  const [, section = ''] = PAGE.split(`## ${heading}\n`);
  return (/```mermaid\n([^]*?)```/.exec(section)?.[1] ?? '').split('\n').map((line) => line.trim());
}

/** States and transitions of a state diagram. An alias replaces a name with a hyphen, which Mermaid does not allow. */
function readStates(heading: string) {
  const lines = diagramUnder(heading);
  const aliases = new Map(
    lines.flatMap((line) => {
      const [, name, alias] = /^state "(.+)" as (\w+)$/.exec(line) ?? [];
      return name && alias ? [[alias, name] as const] : [];
    }),
  );
  const nameOf = (id: string) => aliases.get(id) ?? id;
  const transitions = lines.flatMap((line) => {
    const [, from, to] = /^(\S+) --> (\S+): \S/.exec(line) ?? [];
    return from && to ? [[nameOf(from), nameOf(to)] as const] : [];
  });
  const described = lines.flatMap((line) => /^(\w+): /.exec(line)?.[1] ?? []);
  return { transitions, names: new Set([...transitions.flat(), ...described].filter((name) => name !== '[*]')) };
}

describe.each([
  ['States of a connection', CONNECTION_STATES],
  ['Phases of a run', SYNC_PHASES],
] as const)('the diagram "%s"', (heading, states) => {
  it('has exactly the states of the code', () => {
    expect([...readStates(heading).names].sort()).toEqual([...states].sort());
  });

  it('reaches every state that is not reserved', () => {
    const { transitions, names } = readStates(heading);
    const reached = new Set(transitions.map(([, to]) => to));
    const reserved = diagramUnder(heading).flatMap((line) => /^(\w+): .*reserved/.exec(line)?.[1] ?? []);
    expect([...names].filter((name) => !reached.has(name))).toEqual(reserved);
  });
});

describe('the sequence diagrams', () => {
  it.each(['A connection by consent', 'A refresh', 'A push', 'A pull'])(
    '"%s" uses only declared participants, and closes what it opens',
    (heading) => {
      const lines = diagramUnder(heading);
      expect(lines[0]).toBe('sequenceDiagram');
      const participants = new Set(lines.flatMap((line) => /^participant (\w+) as /.exec(line)?.[1] ?? []));
      const used = lines.flatMap((line) => {
        const [, from, to] = /^(\w+)--?>>(\w+): \S/.exec(line) ?? [];
        return from && to ? [from, to] : [];
      });
      expect(new Set(used)).toEqual(participants);
      expect(lines.filter((line) => /^(loop|opt|alt)\b/.test(line)).length).toBe(
        lines.filter((line) => line === 'end').length,
      );
    },
  );
});
