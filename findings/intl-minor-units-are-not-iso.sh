#!/usr/bin/env bash
# Node 24.21.0 (ICU 78.3, CLDR 48): Intl gives 16 currencies in use fewer minor digits than ISO 4217, and lists neither VED nor the funds codes.
#
# ECMA-402 says that the digits are those of ISO 4217, and amounts in minor units are often turned into text with them. ICU takes how cash is
# counted: forints, Colombian pesos and rupiahs show as whole units, a hundredth of what an API that counts in ISO minor units means by them;
# dinars of Iraq are a thousandth. supportedValuesOf("currency") still has HRK and SLL, which ended. Compared with currency-codes 2.2.0 (ISO
# list of 2024-06-25).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent node@24.21.0 currency-codes@2.2.0
cat >observe.mjs <<'JS'
import { createRequire } from 'node:module';

const { data } = createRequire(import.meta.url)('currency-codes');
const digitsOf = (currency) => new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits;
const metalsFundsAndTests = /^X(A[GU]|B|DR|P|SU|TS|UA|XX)/;
const different = data.filter(({ code, digits }) => !metalsFundsAndTests.test(code) && digits !== digitsOf(code));
console.log(`ISO digits/Intl digits: ${different.map(({ code, digits }) => `${code} ${digits}/${digitsOf(code)}`).join(', ')}`);
const listed = new Set(Intl.supportedValuesOf('currency'));
console.log(`not listed: ${data.flatMap(({ code }) => (listed.has(code) || metalsFundsAndTests.test(code) ? [] : [code])).join(' ')}`);
console.log(`listed after their end: ${['HRK', 'SLL', 'DEM'].filter((code) => listed.has(code)).join(' ')}`);
console.log(new Intl.NumberFormat('en', { style: 'currency', currency: 'HUF' }).format(1234.56).replace(/\s/gu, " "));
JS
expected=$(cat <<'TEXT'
ISO digits/Intl digits: AFN 2/0, ALL 2/0, COP 2/0, HUF 2/0, IDR 2/0, IQD 3/0, IRR 2/0, KPW 2/0, LAK 2/0, LBP 2/0, MGA 2/0, MMK 2/0, PKR 2/0, SOS 2/0, SYP 2/0, YER 2/0
not listed: BOV CHE CHW CLF COU MXV USN UYI UYW VED
listed after their end: HRK SLL
HUF 1,235
TEXT
)
seen=$(node_modules/.bin/node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
