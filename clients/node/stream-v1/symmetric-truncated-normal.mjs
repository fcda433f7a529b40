// Truncated normal, bounds symmetric about the mean: docs/stream-v1.md, section 6. The inverse
// distribution function; p is Phi(|z|) - 1/2, t is 1 - Phi(|z|), y is 1/4 - p p.

import {
  bits32, float32, hex, highBits, horner, horner32, list, lowerExponent, rn, wide,
} from "./arithmetic.mjs";
import { scaling } from "./scaling.mjs";

const MASS_WITHIN_2 = hex("0x1.e8b4307d3627ap-2"); // Phi(2) - 1/2: up to it the central form

const TWO_M31 = hex("0x1p-31");
const B32 = hex("0x1.40d932p+1");
const LN2_32 = hex("0x1.62e430p-1");
const CENTRAL32_N = list(
  "0x1.7ccc12p-14, 0x1.fa8446p-7, 0x1.70d712p-2, 0x1.56003ep+0, 0x1.64d914p-3");
const CENTRAL32_D = list("0x1.8e9a2cp-18, 0x1.b9a558p-10, 0x1.1d57c6p-4, 0x1.3acef4p-1, 1");
const G32 = list(`
  -0x1.00000ap+2, 0x1.00006ap+3, -0x1.5543d0p+4, 0x1.ff6a44p+5, -0x1.9cd1f8p+7,
  0x1.65a64ep+9, -0x1.1dbc26p+11, 0x1.020612p+12`);
const WIDE32_N = list(`
  0x1.55e3dcp+17, 0x1.8cf0fcp+14, 0x1.41373ap+12, 0x1.b9d4e4p+8, 0x1.d3293cp+4,
  0x1.a3a204p-4`);
const WIDE32_D = list(`
  0x1.047e72p+18, 0x1.8d6c2ep+14, 0x1.2101b4p+13, 0x1.34f92ap+9, 0x1.0978b2p+6, 1`);

function central32(p, y) {
  const ratio = rn(horner32(CENTRAL32_N, y) / horner32(CENTRAL32_D, y));
  return rn(p * rn(B32 + rn(rn(p * p) * ratio)));
}

function wide32(p, y) {
  const e = (bits32(y) - 0x3e400000) >> 23;
  const g = rn(float32(bits32(y) - (e << 23)) - 0.25);
  const log = rn(rn(horner32(G32, g) * g) - rn(e * LN2_32));
  const ratio = rn(horner32(WIDE32_N, log) / horner32(WIDE32_D, log));
  return rn(p * rn(B32 + rn(log * ratio)));
}

export function symmetricTruncatedNormal32(draw) {
  const size = draw.mass <= MASS_WITHIN_2 ? central32 : wide32;
  const step = rn(rn(draw.mass) * TWO_M31);
  const tail = rn(draw.tail);
  const scaled = scaling(draw, rn);
  return (w) => {
    const k = w & 0x7fffffff;
    const p = rn(rn(rn(k) + 0.5) * step);
    const t = rn(rn(rn(rn(k ^ 0x7fffffff) + 0.5) * step) + tail);
    const z = size(p, rn(t * rn(1 - t)));
    return scaled(w >>> 31 ? -z : z);
  };
}

const TWO_M63 = hex("0x1p-63");
const BH = hex("0x1.40d931ff62706p+1");
const BL = hex("-0x1.a6a0d6f814637p-53");
const LN2 = hex("0x1.62e42fefa39efp-1");
const CENTRAL_N = list(`
  0x1.ce3798a013c02p-34, 0x1.b0f89d4644412p-24, 0x1.567816c41f0bbp-16, 0x1.6e184451315f2p-10,
  0x1.3942d9663390bp-5, 0x1.c5ccae1bd6f51p-2, 0x1.10b0abbca1bdep+1, 0x1.e6645ed610ff6p+1,
  0x1.d53ce85684534p+0, 0x1.d15a39cac832cp-6`);
const CENTRAL_D = list(`
  0x1.933fa433a3fc5p-38, 0x1.03da8aa209bcfp-27, 0x1.0b7acedf4aa70p-19, 0x1.74a71c627f342p-13,
  0x1.aaf2629b9b241p-8, 0x1.b3c6a89b7a079p-4, 0x1.923eaf93e76d5p-1, 0x1.41807bf2ebca8p+1,
  0x1.86ffcd986fc21p+1, 1`);
const G = list(`
  -0x1.0000000000000p+1, -0x1.555555555556dp-1, -0x1.999999997cd24p-2, -0x1.24924951743bbp-2,
  -0x1.c71c3d608a2f4p-3, -0x1.746b9dab90793p-3, -0x1.390565d08943ep-3, -0x1.3587371ccaae7p-3`);
const WIDE_N = list(`
  0x1.9d7ea36bbb196p+57, 0x1.5a9044c01542ep+55, 0x1.b382605d48680p+53, 0x1.06302dc545389p+51,
  0x1.39b07f8a90d9dp+48, 0x1.09b94a2fa8f14p+45, 0x1.82487c2ba9d62p+41, 0x1.c418c66874f73p+37,
  0x1.b897f005b207dp+33, 0x1.6f5635931383dp+29, 0x1.a9f3e5edf31a5p+24, 0x1.15adf5b495461p+20,
  0x1.3e609e6c73329p+14, 0x1.5d7a96be82719p+6, 0x1.4c0d7794fa7a6p-5`);
const WIDE_D = list(`
  0x1.3b0d268359a08p+58, 0x1.92a5a8411fcc5p+55, 0x1.5678be9d26463p+54, 0x1.5e3f2eb5adfa3p+51,
  0x1.05618e465c833p+49, 0x1.9dd016cb5db26p+45, 0x1.58cb8e7d364bfp+42, 0x1.99f3322dee516p+38,
  0x1.acb5af98b8108p+34, 0x1.7ea78ee33ef47p+30, 0x1.ef862922fb692p+25, 0x1.35777e238fb32p+21,
  0x1.13b92eb35c48cp+16, 0x1.30503ed00f0e5p+9, 1`);

/** A polynomial as O(x x) x + E(x x), from its coefficients of odd and of even index. */
function evenAndOdd(coefficients) {
  const even = coefficients.filter((_, index) => index % 2 === 0);
  const odd = coefficients.filter((_, index) => index % 2 === 1);
  return (x) => horner(odd, x * x) * x + horner(even, x * x);
}

const wideN = evenAndOdd(WIDE_N);
const wideD = evenAndOdd(WIDE_D);

function central64(p, y) {
  const ratio = horner(CENTRAL_N, y) / horner(CENTRAL_D, y);
  return p * (BH + (BL + p * p * ratio));
}

/** L of the page: -ln(4 y). */
export function log64(y) {
  const e = (highBits(y) - 0x3fc80000) >> 20;
  const g = lowerExponent(y, e) - 0.25;
  const s = g / (g + 0.5);
  return s * horner(G, s * s) - e * LN2;
}

/** z of the wide form, from L. */
export const wideOfLog = (p, log) => p * (BH + (BL + log * (wideN(log) / wideD(log))));
const wide64 = (p, y) => wideOfLog(p, log64(y));

export function symmetricTruncatedNormal64(draw) {
  const size = draw.mass <= MASS_WITHIN_2 ? central64 : wide64;
  const step = draw.mass * TWO_M63;
  const scaled = scaling(draw);
  return (high, low) => {
    const k = high & 0x7fffffff;
    const p = (wide(k, low) + 0.5) * step;
    const t = (wide(k ^ 0x7fffffff, ~low >>> 0) + 0.5) * step + draw.tail;
    const z = size(p, t * (1 - t));
    return scaled(high >>> 31 ? -z : z);
  };
}
