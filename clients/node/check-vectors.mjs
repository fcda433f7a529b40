// Compares stream-v1.mjs with a file of vectors (docs/stream-v1.md, section 8):
// node check-vectors.mjs VECTORS. Exits with 1 if one bit of one case differs.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { endianness } from "node:os";

import { hex, unbounded, values } from "./stream-v1.mjs";

/** The draw of a case, its constants as numbers. */
function drawOf(vectors) {
  const constants = Object.entries(vectors.constants).map(([name, text]) => [name, hex(text)]);
  return { kind: vectors.draw, ...Object.fromEntries(constants) };
}

/** The little-endian bytes of a typed array. */
function bytesOf(array) {
  const bytes = Buffer.from(array.buffer, array.byteOffset, array.byteLength);
  const size = array.BYTES_PER_ELEMENT;
  return endianness() === "LE" || size === 1 ? bytes : bytes[`swap${8 * size}`]();
}

/** The bits of the first `count` values, as the vectors write them. */
function bitsOf(bytes, size, count) {
  const value = (_, i) => Buffer.from(bytes.subarray(i * size, (i + 1) * size)).reverse();
  return Array.from({ length: count }, value).map((bits) => bits.toString("hex"));
}

/** Where the computed bits differ first, as text, or null. */
function difference(wanted, found) {
  const at = wanted.findIndex((bits, i) => bits !== found[i]);
  return at < 0 ? null : `value ${at}: wanted ${wanted[at]}, found ${found[at]}`;
}

function checkWords(vectors) {
  const { dtype, words } = vectors;
  const half = (from) => Uint32Array.from(words, (w) => parseInt(w.slice(from, from + 8), 16));
  const found = unbounded(drawOf(vectors), dtype, half(0), dtype === "float64" ? half(8) : []);
  const bits = bitsOf(bytesOf(found), found.BYTES_PER_ELEMENT, found.length);
  return difference(vectors.values, bits);
}

function checkRun(vectors) {
  const { dtype, seed, name, start, count, first, sha256 } = vectors;
  const found = values(drawOf(vectors), dtype, seed, name, start, count);
  const bytes = bytesOf(found);
  const digest = createHash("sha256").update(bytes).digest("hex");
  const differs = difference(first, bitsOf(bytes, found.BYTES_PER_ELEMENT, first.length));
  return differs ?? (digest === sha256 ? null : `digest: wanted ${sha256}, found ${digest}`);
}

/** Print what differs in the cases of one list; returns how many of them do. */
function mismatches(list, cases, check) {
  const found = cases.map((vectors, i) => [`${list}[${i}] ${title(vectors)}`, check(vectors)]);
  const wrong = found.filter(([, differs]) => differs !== null);
  for (const [name, differs] of wrong) console.log(`${name}: ${differs}`);
  return wrong.length;
}

function title({ draw, dtype, seed, name, start }) {
  const address = `, seed ${seed}, name "${name}", start ${start}`;
  return `${draw} ${dtype}${seed === undefined ? "" : address}`;
}

const file = JSON.parse(readFileSync(process.argv[2], "utf8"));
const [words, runs] = [file.word_cases, file.cases];
const wrong = mismatches("word_cases", words, checkWords) + mismatches("cases", runs, checkRun);
const total = words.length + runs.length;
console.log(`${total} cases (${words.length} of words, ${runs.length} runs), ${wrong} mismatches`);
process.exitCode = wrong === 0 ? 0 : 1;
