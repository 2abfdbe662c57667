import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import ts from 'typescript';

const stripeFolder = dirname(dirname(createRequire(import.meta.url).resolve('stripe')));

/**
 * Each interface of one of the Stripe SDK's typing files by its qualified name, such as `Account.Settings`: its keys
 * with their types as written, including `undefined` for an optional key.
 */
export function interfacesIn(resource: string): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const path = join(stripeFolder, 'esm', 'resources', `${resource}.d.ts`);
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2023, true);
  const found = new Map<string, Map<string, string>>();
  const visit = (node: ts.Node, within: string): void => {
    if (ts.isModuleDeclaration(node)) {
      ts.forEachChild(node, (child) => {
        visit(child, `${within}${node.name.text}.`);
      });
      return;
    }
    if (!ts.isInterfaceDeclaration(node)) {
      ts.forEachChild(node, (child) => {
        visit(child, within);
      });
      return;
    }
    const members = node.members
      .filter(ts.isPropertySignature)
      .map(
        (member) =>
          [
            member.name.getText(source),
            `${member.type?.getText(source) ?? ''}${member.questionToken ? ' | undefined' : ''}`,
          ] as const,
      );
    found.set(within + node.name.text, new Map(members));
  };
  visit(source, '');
  return found;
}
