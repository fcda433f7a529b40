// Compares stream-v1/elementary.mjs with a file of cases: node check-elementary.mjs CASES.
// A case has the name of a function, its further arguments, and arrays x and values. Floats are
// the sixteen digits of their bits, and integers are decimal. Exits with 1 if one bit differs.

import { readFileSync } from "node:fs";

import * as elementary from "./stream-v1/elementary.mjs";

const cell = new DataView(new ArrayBuffer(8));

function floatOf(bits) {
  cell.setBigUint64(0, BigInt(`0x${bits}`));
  return cell.getFloat64(0);
}

function bitsOf(x) {
  cell.setFloat64(0, x);
  return cell.getBigUint64(0).toString(16).padStart(16, "0");
}

/** The function of a case as one of the text of x. */
function functionOf({ name, parameters }) {
  if (name.endsWith("_turns")) {
    const turns = { sin_turns: elementary.sinTurns, cos_turns: elementary.cosTurns }[name];
    return (text) => turns(BigInt(text), BigInt(parameters[0]));
  }
  if (name === "powers") return (text) => elementary.power(...parameters.map(floatOf), floatOf(text));
  return (text) => elementary[name](floatOf(text));
}

let wrong = 0;
let points = 0;
for (const vectors of JSON.parse(readFileSync(process.argv[2], "utf8"))) {
  const compute = functionOf(vectors);
  const found = vectors.x.map((text) => bitsOf(compute(text)));
  const at = found.findIndex((bits, i) => bits !== vectors.values[i]);
  points += found.length;
  if (at >= 0) {
    wrong += 1;
    const [x, wanted] = [vectors.x[at], vectors.values[at]];
    console.log(`${vectors.name}(${x}): wanted ${wanted}, found ${found[at]}`);
  }
}
console.log(`${points} points, ${wrong} functions differ`);
process.exitCode = wrong === 0 ? 0 : 1;
