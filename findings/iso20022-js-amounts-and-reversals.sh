#!/usr/bin/env bash
# iso20022.js 0.0.15: amounts are minor units with two decimals in every currency, so 1000 yen are ordered as 10; read amounts carry binary fractions, and a reversal is never marked as one.
#
# The amount and the currency go to a money library (dinero.js 1) that knows no currency's decimals. In a CAMT.053 statement <RvslInd>true</RvslInd>
# gives reversal false, so a returned payment counts as a new one, and message ids and remittance texts made of digits become numbers.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent iso20022.js@0.0.15
cat >observe.mjs <<'JS'
import { CashManagementEndOfDayReport, ISO20022 } from 'iso20022.js';

const account = { iban: 'DE89370400440532013000' };
const agent = { bic: 'DEUTDEFF' };
const iso20022 = new ISO20022({ initiatingParty: { name: 'Example', id: 'EXAMPLE', account, agent } });
for (const currency of ['EUR', 'JPY', 'BHD']) {
  const creditor = { name: 'Example', account, agent, address: { country: 'DE' } };
  const payment = iso20022.createSWIFTCreditPaymentInitiation([{ type: 'swift', direction: 'credit', amount: 1000, currency, creditor }]);
  console.log(`pain.001 of 1000 ${currency} minor units: ${/<InstdAmt.*>/.exec(payment.toString())[0]}`);
}
const entry = ([amount, currency]) => `<Ntry><NtryRef>1</NtryRef><Amt Ccy="${currency}">${amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><RvslInd>true</RvslInd>
  <Sts>BOOK</Sts><BookgDt><Dt>2026-01-02</Dt></BookgDt><BkTxCd><Prtry><Cd>1</Cd></Prtry></BkTxCd>
  <NtryDtls><TxDtls><Refs><MsgId>000777</MsgId></Refs><RmtInf><Ustrd>00042</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>`;
const statement = `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt>
  <GrpHdr><MsgId>M</MsgId><CreDtTm>2026-01-02T00:00:00Z</CreDtTm></GrpHdr><Stmt><Id>S</Id><CreDtTm>2026-01-02T00:00:00Z</CreDtTm>
  <Acct><Id><IBAN>${account.iban}</IBAN></Id><Svcr><FinInstnId><BIC>${agent.bic}</BIC></FinInstnId></Svcr></Acct>
  ${[['19.99', 'EUR'], ['1000', 'JPY'], ['1.500', 'BHD']].map(entry).join('')}</Stmt></BkToCstmrStmt></Document>`;
for (const { amount, currency, reversal, transactions } of CashManagementEndOfDayReport.fromXML(statement).entries) {
  const [{ messageId, remittanceInformation }] = transactions;
  console.log(`camt.053 in ${currency}: amount ${amount}, reversal ${reversal}, 000777 is ${messageId}, 00042 is ${remittanceInformation}`);
}
JS
expected=$(cat <<'TEXT'
pain.001 of 1000 EUR minor units: <InstdAmt Ccy="EUR">10</InstdAmt>
pain.001 of 1000 JPY minor units: <InstdAmt Ccy="JPY">10</InstdAmt>
pain.001 of 1000 BHD minor units: <InstdAmt Ccy="BHD">10</InstdAmt>
camt.053 in EUR: amount 1998.9999999999998, reversal false, 000777 is 777, 00042 is 42
camt.053 in JPY: amount 100000, reversal false, 000777 is 777, 00042 is 42
camt.053 in BHD: amount 150, reversal false, 000777 is 777, 00042 is 42
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
