// Uniform draws, docs/stream-v1.md, section 4. Each exported function makes, of a draw, the
// function of a word, or of a wide word's halves, that is the value.

import { hex, rn, wide } from "./arithmetic.mjs";

const TWO_M24 = hex("0x1p-24");
const TWO_M53 = hex("0x1p-53");
const odd32 = (w) => (w >> 7) | 1;
const odd64 = (high, low) => wide(high >> 10, ((high << 22) | (low >>> 10) | 1) >>> 0);

export function symmetricUniform32(draw) {
  const unit = rn(rn(draw.limit) * TWO_M24);
  return (w) => rn(odd32(w) * unit);
}

export function symmetricUniform64(draw) {
  const unit = draw.limit * TWO_M53;
  return (high, low) => odd64(high, low) * unit;
}

/** In double for every dtype, as a function of k; `unit` is 2^-24 or 2^-53. */
function uniformBetween(draw, unit) {
  const half = draw.high * 0.5 - draw.low * 0.5;
  const middle = draw.high * 0.5 + draw.low * 0.5;
  return (k) => k * (half * unit) + middle;
}

export function uniformBetween32(draw) {
  const value = uniformBetween(draw, TWO_M24);
  return (w) => rn(value(odd32(w)));
}

export function uniformBetween64(draw) {
  const value = uniformBetween(draw, TWO_M53);
  return (high, low) => value(odd64(high, low));
}
