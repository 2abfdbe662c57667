#!/usr/bin/env bash
# Node 24.21.0 (amaro 1.1.11): a TypeScript file with `for (const of of list)` does not start, although the same file runs as JavaScript, and TypeScript
# 5.9.3 and esbuild 0.28.2 compile it.
#
# `of` is no reserved word. The parser that strips the types takes the loop's variable for the keyword and says that the list of declarations is
# empty, whether it is const, let, var or of a `for await`. Everywhere else it takes the name: as a constant, or in `for (const of in object)`. Tests
# that a bundler compiles hide it, and the message names neither the word nor the line.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent node@24.21.0 typescript@5.9.3 esbuild@0.28.2
echo 'for (const of of ["a", "b"]) console.log(of);' >loop.js
cp loop.js loop.ts
echo 'const of = "a"; for (const each in { of }) console.log(each); for (const of in { a: 1 }) console.log(of);' >elsewhere.ts
echo 'for await (const of of ["a", "b"]) console.log(of);' >awaited.mts
run() { node_modules/.bin/node --no-warnings "$1" 2>&1 | grep -E '^[a-z]+$|^SyntaxError' | paste -sd' ' || true; }
seen=$(
  echo "JavaScript: $(run loop.js)"
  echo "compiled by TypeScript: $(node_modules/.bin/tsc --target es2022 --module esnext --outDir out loop.ts && run out/loop.js)"
  echo "compiled by esbuild: $(node_modules/.bin/esbuild --log-level=error loop.ts --outfile=built.js && run built.js)"
  echo "TypeScript: $(run loop.ts)"
  echo "TypeScript, for await: $(run awaited.mts)"
  echo "TypeScript, elsewhere: $(run elsewhere.ts)"
)
printf '%s\n' "$seen"
expected=$(cat <<'TEXT'
JavaScript: a b
compiled by TypeScript: a b
compiled by esbuild: a b
TypeScript: SyntaxError [ERR_INVALID_TYPESCRIPT_SYNTAX]: Variable declaration list cannot be empty
TypeScript, for await: SyntaxError [ERR_INVALID_TYPESCRIPT_SYNTAX]: Variable declaration list cannot be empty
TypeScript, elsewhere: of a
TEXT
)
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
