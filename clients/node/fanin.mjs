// Asks Fanin how to initialize a layer, fetches those weights and checks what came.
//
// Node 18 or newer and nothing else:
// node fanin.mjs http://127.0.0.1:8000 'shape=64,3,7,7&activation=relu&seed=42&name=conv1.weight'

import { endianness } from "node:os";

function check(holds, otherwise) {
  if (!holds) throw new Error(otherwise);
}

/** The answer at a URL; a refusal (RFC 9457) is thrown with its hint. */
async function get(url) {
  const answer = await fetch(url);
  if (answer.ok) return answer;
  const { errors } = await answer.json();
  throw new Error(errors.map(({ message, hint }) => `${message}; ${hint}`).join("\n"));
}

/** The whole body: as many bytes as the answer announced. */
async function bytesOf(answer) {
  const body = await answer.arrayBuffer();
  const announced = answer.headers.get("content-length");
  check(body.byteLength === Number(announced), `${body.byteLength} of ${announced} bytes came`);
  return body;
}

/** The extents of a shape written with commas; a scalar has none. */
function extents(shape) {
  return shape.split(",").map(parseFloat).filter(Number.isInteger);
}

/** Shape and values of a .npy file, version 1, of float32 in C order. */
function parseNpy(file) {
  const magic = new TextDecoder("latin1").decode(file.slice(0, 7));
  check(magic === "\x93NUMPY\x01", "this is no .npy file");
  const start = 10 + new DataView(file).getUint16(8, true);
  const head = new TextDecoder("latin1").decode(file.slice(10, start)).trim();
  const float32 = head.includes("'descr': '<f4', 'fortran_order': False");
  check(float32, `this is not float32 in C order: ${head}`);
  check(endianness() === "LE", "this processor has the other end first");
  return { shape: extents(/\((.*)\)/.exec(head)[1]), values: new Float32Array(file.slice(start)) };
}

/** The standard deviation, of differences to the first value: a constant's is exactly 0. */
function std(values) {
  const mean = (f) => values.reduce((sum, x) => sum + f(x - values[0]), 0) / values.length;
  const middle = mean((x) => x);
  return Math.sqrt(mean((x) => (x - middle) ** 2));
}

/** What was fetched, in a line, if it is what was recommended for the layer. */
async function fetchRecommended(server, layer) {
  const recommended = await (await get(`${server}/recommend?${layer}`)).json();
  const url = recommended.weights_url;
  const { shape, values } = parseNpy(await bytesOf(await get(server + url)));
  const asked = extents(/[?&]shape=([^&]*)/.exec(url)[1]);
  const whole = `${shape}` === `${asked}` && values.length === shape.reduce((a, b) => a * b, 1);
  check(whole, `${values.length} values of shape ${shape} came for ${url}`);
  // A normal's standard error; those of a uniform and a truncated normal are smaller.
  const error = recommended.std / Math.sqrt(2 * values.length);
  const measured = std(values);
  const near = Math.abs(measured - recommended.std) <= 5 * error;
  check(near, `std is ${measured}, but ${recommended.std} was recommended`);
  const [found, wanted] = [measured, recommended.std].map((number) => number.toFixed(6));
  return `${recommended.scheme} [${shape.join(", ")}] float32, std ${found}, recommended ${wanted}`;
}

const [server, layer] = process.argv.slice(2);
try {
  check(layer, "node fanin.mjs http://HOST:PORT 'FIELD=VALUE&FIELD=VALUE'");
  console.log(await fetchRecommended(server, layer));
} catch (error) {
  console.error(`fanin: ${error.cause?.message || error.message}`);
  process.exitCode = 1;
}
