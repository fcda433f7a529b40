// The normal draw, docs/stream-v1.md, section 5: Box and Muller's transform of pairs of words.

import {
  bits32, float32, hex, highBits, horner, horner32, keep, list, lowerExponent, rn, wide,
} from "./arithmetic.mjs";
import { scaling } from "./scaling.mjs";

const TWO_M32 = hex("0x1p-32");
const TWO_M33 = hex("0x1p-33");
const TWO_M64 = hex("0x1p-64");
const TWO_M65 = hex("0x1p-65");

/** Sine and cosine of an angle from those of its distance to its nearest quarter turn, `q`. */
const quarter = (q, s, c) => [[s, c], [c, -s], [-s, -c], [-c, s]][q];

const A32 = hex("-0x1.62e430p+0");
const P32 = list(`
  0x1.000000p+0, -0x1.5555b2p-1, 0x1.ffecee0p-2, -0x1.993cc6p-2, 0x1.57d552p-2,
  -0x1.313f08p-2, 0x1.f03a92p-3, -0x1.c783e8p-4`);
const SIN32 = list("0x1.921fb6p+2, -0x1.4abc24p+5, 0x1.4680a4p+6, -0x1.33198ep+6");
const COS32 = list("-0x1.3bd3ccp+4, 0x1.03c1aep+6, -0x1.55b146p+6, 0x1.d47d60p+5");

function radius32(w) {
  let [f, n] = [-rn(rn(rn(~w >>> 0) + 0.5) * TWO_M32), 0]; // keeps the digits of small radii
  if (w < 0xc0000000) {
    const x = rn(rn(w) + 0.5);
    const e = (bits32(x) - 0x3f400000) >> 23;
    [f, n] = [rn(float32(bits32(x) - (e << 23)) - 1), e - 32];
  }
  const curve = rn(rn(rn(f * f) * horner32(P32, f)) - rn(f + f));
  return rn(Math.sqrt(rn(rn(n * A32) + curve)));
}

function turn32(v) {
  const h = (v + 0x20000000) >>> 0;
  const t = rn(rn(((v - (h & 0xc0000000)) << 1) | 1) * TWO_M33);
  const z = rn(t * t);
  return quarter(h >>> 30, rn(t * horner32(SIN32, z)), rn(rn(horner32(COS32, z) * z) + 1));
}

const AH = hex("-0x1.62e42fefa38p+0");
const AL = hex("-0x1.ef35793c76730p-44");
const R = list(`
  0x1.555555555554fp+0, 0x1.999999999c17ap-1, 0x1.24924921e43bep-1, 0x1.c71c748fd5465p-2,
  0x1.745c4ad462f64p-2, 0x1.3b35c20aebe42p-2, 0x1.0dcb7aeb98bf2p-2, 0x1.1b8270dff046ep-2`);
const TH = hex("0x1.921fb54442d18p+2");
const TL = hex("0x1.1a62633145c07p-52");
const SIN = list(`
  -0x1.4abbce625be46p+5, 0x1.466bc67758c90p+6, -0x1.32d2cce323da1p+6,
  0x1.5078300d6c78dp+5, -0x1.e3009a85a17f7p+3, 0x1.e4000637e0202p+1`);
const COS = list(`
  -0x1.3bd3cc9be45dep+4, 0x1.03c1f081b5a65p+6, -0x1.55d3c7e3c2d7bp+6,
  0x1.e1f5067b057f8p+5, -0x1.a6d1e6b52f412p+4, 0x1.f9c840cb57470p+2,
  -0x1.b14b5b3de0d19p+0`);

function radius64(high, low) {
  let [f, n] = [-((wide(~high >>> 0, ~low >>> 0) + 0.5) * TWO_M64), 0];
  if (high < 0xc0000000) {
    const x = wide(high, low) + 0.5;
    const e = (highBits(x) - 0x3fe80000) >> 20;
    [f, n] = [lowerExponent(x, e) - 1, e - 64];
  }
  const s = f / (2 + f);
  const z = s * s;
  const g = f * f;
  return Math.sqrt(n * AH + (n * AL + (g - s * (g + z * horner(R, z))) - (f + f)));
}

function turn64(high, low) {
  const h = (high + 0x20000000) >>> 0;
  const rest = high - (h & 0xc0000000);
  const t = wide((rest << 1) | (low >>> 31), ((low << 1) | 1) >>> 0) * TWO_M65;
  const z = t * t;
  const s = t * TH + (t * TL + t * z * horner(SIN, z));
  return quarter(h >>> 30, s, horner(COS, z) * z + 1);
}

/** A pair of words makes a pair of values: the only draw that is not word by word. */
const normal = (radius, turn, round) => (draw, high, low, out) => {
  const scaled = scaling(draw, round);
  for (let i = 0; i < out.length; i += 2) {
    const r = radius(high[i], low[i]);
    const [sine, cosine] = turn(high[i + 1], low[i + 1]);
    out[i] = scaled(round(r * sine));
    out[i + 1] = scaled(round(r * cosine));
  }
};

export const normal32 = normal(radius32, turn32, rn);
export const normal64 = normal(radius64, turn64, keep);
