// Compares stream-v1/tables.mjs with a file of cases: node check-tables.mjs CASES.
// A case has the name of a table, its numbers, the logarithms of the bases, and the values as the
// sixteen digits of their bits. Exits with 1 if one bit differs.

import { readFileSync } from "node:fs";

import * as tables from "./stream-v1/tables.mjs";

const cell = new DataView(new ArrayBuffer(8));

function bitsOf(x) {
  cell.setFloat64(0, x);
  return cell.getBigUint64(0).toString(16).padStart(16, "0");
}

const cases = JSON.parse(readFileSync(process.argv[2], "utf8"));
let wrong = 0;
for (const { name, numbers, logarithms, values } of cases) {
  const found = tables[name](numbers, logarithms).map(bitsOf);
  const at = values.findIndex((bits, i) => bits !== found[i]);
  if (at >= 0 || found.length !== values.length) {
    wrong += 1;
    console.log(`${name}: element ${at}: wanted ${values[at]}, found ${found[at]}`);
  }
}
console.log(`${cases.length} tables, ${wrong} differ`);
process.exitCode = wrong === 0 ? 0 : 1;
