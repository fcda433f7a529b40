// Fanin's stream, version 1: seed, name and element number to values, as docs/stream-v1.md says.
// Written from that page alone, with Node's standard library; a file of stream-v1/ each section.
// Math.sqrt is the one library function values depend on: IEEE 754 fixes its every bit.

import { store } from "./stream-v1/dtypes.mjs";
import { normal32, normal64 } from "./stream-v1/normal.mjs";
import {
  symmetricTruncatedNormal32, symmetricTruncatedNormal64,
} from "./stream-v1/symmetric-truncated-normal.mjs";
import {
  truncatedNormalBetween32, truncatedNormalBetween64,
} from "./stream-v1/truncated-normal-between.mjs";
import {
  symmetricUniform32, symmetricUniform64, uniformBetween32, uniformBetween64,
} from "./stream-v1/uniform.mjs";
import { streamOf, words } from "./stream-v1/words.mjs";

export { hex } from "./stream-v1/arithmetic.mjs";
export { streamOf, words };

const perWord = (make) => (draw, high, low, out) => {
  const value = make(draw);
  for (let i = 0; i < out.length; i += 1) out[i] = value(high[i], low[i]);
};

const constant = (draw, _high, _low, out) => out.fill(draw.value);

const SINGLE = {
  Constant: constant,
  SymmetricUniform: perWord(symmetricUniform32),
  UniformBetween: perWord(uniformBetween32),
  Normal: normal32,
  SymmetricTruncatedNormal: perWord(symmetricTruncatedNormal32),
  TruncatedNormalBetween: perWord(truncatedNormalBetween32),
};

const DOUBLE = {
  Constant: constant,
  SymmetricUniform: perWord(symmetricUniform64),
  UniformBetween: perWord(uniformBetween64),
  Normal: normal64,
  SymmetricTruncatedNormal: perWord(symmetricTruncatedNormal64),
  TruncatedNormalBetween: perWord(truncatedNormalBetween64),
};

/** Values after scaling, before bounds and dtype, of whole blocks of words: a Float64Array for
 *  float64, which takes wide words as `high` and `low`, a Float32Array for any other dtype. */
export function unbounded(draw, dtype, high, low = []) {
  const double = dtype === "float64";
  const out = new (double ? Float64Array : Float32Array)(high.length);
  (double ? DOUBLE : SINGLE)[draw.kind](draw, high, low, out);
  return out;
}

/** Elements start to start + count of the tensor `name`, in a typed array of the dtype or, where
 *  JavaScript has none, of its bits. `draw` is a kind (section 8) with its constants (section 3),
 *  { kind: "Normal", mean: 0, std: 0.02 }; seed and start are BigInts or safe integers. */
export function values(draw, dtype, seed, name, start, count) {
  const [address, stream, from] = [BigInt(seed), streamOf(name), BigInt(start)];
  const skipped = Number(from % 4n);
  const blocks = Math.ceil((skipped + count) / 4);
  const draws = (purpose) => words(address, stream, from / 4n, blocks, purpose);
  const low = dtype === "float64" ? draws(1) : [];
  const all = unbounded(draw, dtype, draws(0), low);
  return store(all.subarray(skipped, skipped + count), draw, dtype);
}
