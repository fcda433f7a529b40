// Run lines of code in TensorFlow.js: node run_lines.mjs MODULES LINES.json OUT.json
//
// MODULES is the node_modules that has TensorFlow.js. LINES.json lists objects with `code` and
// `shape`. The file written has the float32 values of each in base64, and the release of `tfjs`.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [modules, lines, out] = process.argv.slice(2);
const require = createRequire(pathToFileURL(`${modules}/`));
console.log = console.warn = () => {};
const tf = require("@tensorflow/tfjs");

// A line has no seed, and then TensorFlow.js takes one from Math.random.
let state = 20;
Math.random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
};

function run({ code, shape }) {
  const values = new Function("tf", `return ${code}`)(tf).apply(shape).dataSync();
  return Buffer.from(Float32Array.from(values).buffer).toString("base64");
}

await tf.setBackend("cpu");
const values = JSON.parse(readFileSync(lines, "utf-8")).map(run);
writeFileSync(out, JSON.stringify({ tfjs: `@tensorflow/tfjs ${tf.version.tfjs}`, values }));
