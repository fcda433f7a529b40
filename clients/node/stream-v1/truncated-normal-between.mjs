// Truncated normal, any bounds: docs/stream-v1.md, section 7. In double for every dtype, std and
// mean included: neither is rounded to single first.

import { hex, horner, list, rn, wide } from "./arithmetic.mjs";
import { scaling } from "./scaling.mjs";
import { log64, wideOfLog } from "./symmetric-truncated-normal.mjs";

const TWO_M32 = hex("0x1p-32");
const TWO_M64 = hex("0x1p-64");
const TAIL_N = list(`
  0x1.2cdf82069a431p+41, 0x1.5ad0b3309f1f7p+42, 0x1.ee665bf2609e6p+41, 0x1.0418219591a30p+43,
  0x1.94d7a8c066e94p+41, 0x1.6b2b0f42f8951p+38, 0x1.9f558f32a7cabp+33, 0x1.ee4e04d51f280p+26`);
const TAIL_D = list(`
  0x1.211b5b1334257p+42, 0x1.1b962508d93b4p+42, 0x1.85039179809aap+42, 0x1.207494c21f0bcp+41,
  0x1.01080360ec691p+38, 0x1.25b13c1eac037p+33, 0x1.5d8631111c75ap+26, 1`);

function quantile(p, lower, upper) {
  const log = log64(lower * upper);
  if (log <= 42) return wideOfLog(p, log);
  const r = Math.sqrt(log);
  const size = horner(TAIL_N, r) / horner(TAIL_D, r);
  return p < 0 ? -size : size;
}

/** A function of the draw's u and u' = 1 - u. */
function truncatedNormalBetween(draw) {
  const { below, mass, above } = draw;
  const scaled = scaling(draw);
  const fromBelow = Math.abs(below - 0.5) <= Math.abs(0.5 - above);
  return (u, opposite) => {
    const p = fromBelow ? below - 0.5 + u * mass : 0.5 - above - opposite * mass;
    return scaled(quantile(p, below + u * mass, above + opposite * mass));
  };
}

export function truncatedNormalBetween32(draw) {
  const value = truncatedNormalBetween(draw);
  return (w) => rn(value((w + 0.5) * TWO_M32, ((~w >>> 0) + 0.5) * TWO_M32));
}

export function truncatedNormalBetween64(draw) {
  const value = truncatedNormalBetween(draw);
  const unit = (high, low) => (wide(high, low) + 0.5) * TWO_M64;
  return (high, low) => value(unit(high, low), unit(~high >>> 0, ~low >>> 0));
}
