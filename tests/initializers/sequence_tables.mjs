// Prints the tensors of test_sequence_twins.py, computed from docs/drafts/sequence.md and the Node
// client's stream: a JSON object of arrays of the sixteen digits of each value's bits.

import { hex, values } from "../../clients/node/stream-v1.mjs";
import { exp, expm1, log, log1p, power } from "../../clients/node/stream-v1/elementary.mjs";

const [SEED, NAME, COUNT] = [7, "layers.0", 3001];
const PI = hex("0x1.921fb54442d18p+1");
const LN_2 = [hex("0x1.62e42fefa39efp-1"), hex("0x1.abc9e3b39803fp-56")];

const table = (count, value) => Array.from({ length: count }, (_, n) => value(n));

/** The values of a draw from an element number on, in double. */
function drawn(draw, start, count, value) {
  return Array.from(values(draw, "float64", SEED, NAME, start, count), value);
}

const between = (low, high) => ({ kind: "UniformBetween", low, high });

function stepBias(floor) {
  return (t) => {
    const dt = Math.max(exp(t), floor);
    return dt + log(0 - expm1(0 - dt));
  };
}

const share = (v) => Math.max(0.5 + 0.5 * v, 2 ** -54);
const ring = (inner, outer) => (v) => {
  const a = inner * inner;
  return Math.min(share(v) * (outer * outer - a) + a, 1 - 2 ** -53);
};

const UNIT = { kind: "SymmetricUniform", limit: 1 };
const square = ring(0, 1);
const narrow = ring(0.9, 0.999);

/** Blocks i, f, g, o of 4 H biases: f has the words of its own numbers, and i those of f. */
function chrono(period, units) {
  const forget = drawn(between(1, period - 1), units, units, log);
  const zeros = new Array(2 * units).fill(0);
  return [...forget.map((b) => 0 - b), ...forget, ...zeros];
}

const tables = {
  mamba_a_log: table(256, (n) => log(n + 1)),
  "s4d_log_decay&variant=real": table(256, (n) => log(n + 1)),
  s4d_frequency: table(256, (n) => n * PI),
  "s4d_frequency&variant=inv": table(256, (n) => ((512 - (2 * n + 1)) / (2 * n + 1)) * (512 / PI)),
  hippo_legs_b: table(256, (n) => Math.sqrt(2 * n + 1)),
  retnet_decays: table(256, (n) => log1p(0 - power(...LN_2, -5 - n)) + 0),
  "retnet_decays&variant=plain": table(256, (n) => 1 - power(...LN_2, -5 - n)),
  // The doubles nearest to ln 0.001 and ln 0.1.
  mamba_dt_bias: drawn(
    between(hex("-0x1.ba18a998fffap+2"), hex("-0x1.26bb1bbb55515p+1")), 0, COUNT, stepBias(1e-4),
  ),
  mamba2_a_log: drawn(between(1, 16), 0, COUNT, log),
  lru_nu_log: drawn(UNIT, 0, COUNT, (v) => log(-0.5 * log(square(v)))),
  lru_theta_log: drawn(UNIT, 0, COUNT, (v) => log(share(v) * 6.28)),
  lru_gamma_log: drawn(UNIT, 0, COUNT, (v) => 0.5 * log1p(0 - square(v))),
  "lru_nu_log&r_min=0.9&r_max=0.999": drawn(UNIT, 0, COUNT, (v) => log(-0.5 * log(narrow(v)))),
  rg_lru_lambda: drawn(UNIT, 0, COUNT, (v) => {
    const a = 0.9 * 0.9;
    return log(expm1(-0.5 * log(share(v) * (0.999 * 0.999 - a) + a + 1e-8)));
  }),
  "chrono_bias&parts=4&period=784": chrono(784, 750),
};

const cell = new DataView(new ArrayBuffer(8));
function bits(x) {
  cell.setFloat64(0, x);
  return cell.getBigUint64(0).toString(16).padStart(16, "0");
}

const digits = Object.entries(tables).map(([name, list]) => [name, list.map(bits)]);
console.log(JSON.stringify(Object.fromEntries(digits)));
