// The elementary functions of docs/stream-v1-drafts.md, in double. JavaScript never fuses a
// multiplication with an addition, so the bits are those of the page.

import { hex, highBits, horner, list, lowerExponent } from "./arithmetic.mjs";

const SPLIT = 134217729;
const ROUND = hex("0x1.8p+52");

const ONE_OVER_LN_2 = hex("0x1.71547652b82fep+0");
const LN_2_HIGH = hex("0x1.62e42fefa38p-1");
const LN_2_LOW = hex("0x1.ef35793c7673p-45");
const E = list(`
  0x1.5555555555556p-3, 0x1.5555555555556p-5, 0x1.111111111070bp-7, 0x1.6c16c16c1609ep-10,
  0x1.a01a01a902369p-13, 0x1.a01a01a7b5276p-16, 0x1.71de0a3cd81a0p-19, 0x1.27e4d944eecc7p-22,
  0x1.af3f065694bc4p-26, 0x1.1f769f9257696p-29`);
const R = list(`
  0x1.555555555554fp+0, 0x1.999999999c17ap-1, 0x1.24924921e43bep-1, 0x1.c71c748fd5465p-2,
  0x1.745c4ad462f64p-2, 0x1.3b35c20aebe42p-2, 0x1.0dcb7aeb98bf2p-2, 0x1.1b8270dff046ep-2`);
const SMALLEST_NORMAL = hex("0x1p-1022");
const TO_NORMAL = hex("0x1p+54");
const TWO_OVER_PI = hex("0x1.45f306dc9c883p-1");
const [P1, P2, P3, P4, P5] = list(`
  0x1.921fb4p+0, 0x1.4442dp-24, 0x1.846988p-48, 0x1.8cc518p-72, -0x1.fc8f8cbb5bf6cp-97`);
const HALF_PI_HIGH = hex("0x1.921fb54442d18p+0");
const HALF_PI_LOW = hex("0x1.1a62633145c07p-54");
const S = list(`
  -0x1.5555555555555p-3, 0x1.111111111101ep-7, -0x1.a01a019fe8844p-13, 0x1.71de3a10312a7p-19,
  -0x1.ae63f7f22b6dcp-26, 0x1.60e5c00a62747p-33, -0x1.8d49f958f1755p-41`);
const C = list(`
  0x1.5555555555555p-5, -0x1.6c16c16c16a32p-10, 0x1.a01a019fb7a88p-16, -0x1.27e4faeeaa14dp-22,
  0x1.1eecd5a0084f8p-29, -0x1.92a5b358945c4p-37, 0x1.343c9dd6f19abp-45`);

const rounded = (x) => x + ROUND - ROUND;
const powerOfTwo = (n) => lowerExponent(1, -n);

function split(a) {
  const c = a * SPLIT;
  const high = c - (c - a);
  return [high, a - high];
}

function halfSquare(a) {
  const [high, low] = split(a);
  return [0.5 * (high * high), 0.5 * ((a + high) * low)];
}

function twoSum(a, b) {
  const total = a + b;
  const part = total - a;
  return [total, a - (total - part) + (b - part)];
}

function twoProduct(a, b) {
  const [ah, al] = split(a);
  const [bh, bl] = split(b);
  const product = a * b;
  return [product, ah * bh - product + ah * bl + al * bh + al * bl];
}

/** k, r and rest with exp(high + low) = 2^k (1 + (r + rest)). */
function reduced(high, low) {
  const k = rounded(high * ONE_OVER_LN_2);
  const a = high - k * LN_2_HIGH;
  const b = low - k * LN_2_LOW;
  const r = a + b;
  const c = a - r + b;
  const [half, halfLow] = halfSquare(r);
  return [k, r, half + (halfLow + (r * r * (r * horner(E, r)) + c * (1 + r)))];
}

function exponential(p, q) {
  const [k, r, rest] = p < -746 ? reduced(-746, 0) : reduced(p, q);
  const s = 1 + r;
  const mantissa = s + (1 - s + r + rest);
  const half = Math.floor(k / 2);
  return mantissa * powerOfTwo(half) * powerOfTwo(k - half);
}

/** exp(x) for x up to 709. */
export const exp = (x) => exponential(x, 0);

/** The power x of the base whose logarithm is high + low. */
export function power(high, low, x) {
  const [p, q] = twoProduct(x, high);
  return exponential(p, q + x * low);
}

/** exp(x) - 1 for x up to 709. */
export function expm1(x) {
  const [k, r, rest] = reduced(x < -60 ? -60 : x, 0);
  const scale = powerOfTwo(k);
  const [base, error] = twoSum(scale, -1);
  const y = scale * r;
  const s = base + y;
  return s + (base - s + y + (error + scale * rest));
}

function logarithm(u, error) {
  const c = error / u;
  const subnormal = u < SMALLEST_NORMAL;
  const x = subnormal ? u * TO_NORMAL : u;
  const e = (highBits(x) - 0x3fe80000) >> 20;
  const f = lowerExponent(x, e) - 1;
  const n = e - (subnormal ? 54 : 0);
  const s = f / (2 + f);
  const z = s * s;
  const curve = 0.5 * (s * (f * f + z * horner(R, z)));
  const [half, halfLow] = halfSquare(f);
  const bent = f - half;
  const bentLow = f - bent - half - halfLow;
  const whole = n * LN_2_HIGH;
  const y = whole + bent;
  const yLow = whole - y + bent;
  return y + (yLow + (bentLow + curve + (n * LN_2_LOW + c)));
}

/** The natural logarithm of a finite x above 0. */
export const log = (x) => logarithm(x, 0);

/** ln(1 + x) of a finite x above -1. */
export const log1p = (x) => logarithm(...twoSum(x, 1));

/** sin(quarters pi / 2 + high + low). */
function sineAfterQuarters(quarters, high, low) {
  const z = high * high;
  const sine = high + (z * high * horner(S, z) + low * (1 - 0.5 * z));
  const [half, halfLow] = halfSquare(high);
  const w = 1 - half;
  const cosine = w + (1 - w - half + (z * z * horner(C, z) - (halfLow + high * low)));
  const value = quarters & 1 ? cosine : sine;
  return quarters & 2 ? -value : value;
}

function sine(x, quarters) {
  const k = rounded(x * TWO_OVER_PI);
  const [third, error3] = twoSum(x - k * P1 - k * P2, -(k * P3));
  const [rest, error4] = twoSum(third, -(k * P4));
  const last = error3 + error4 - k * P5;
  const high = rest + last;
  return sineAfterQuarters(k + quarters, high, rest - high + last);
}

/** sin(x) and cos(x) for |x| up to 2^30. */
export const sin = (x) => sine(x, 0);
export const cos = (x) => sine(x, 1);

function sineOfTurns(n, N, quarters) {
  const rest = ((n % N) + N) % N;
  const nearest = (8n * rest + N) / (2n * N);
  const dividend = Number(4n * rest - nearest * N);
  const divisor = Number(N);
  const t = dividend / divisor;
  const [product, error] = twoProduct(t, divisor);
  const tLow = (dividend - product - error) / divisor;
  const [angle, angleError] = twoProduct(t, HALF_PI_HIGH);
  const angleLow = angleError + (t * HALF_PI_LOW + tLow * HALF_PI_HIGH);
  const high = angle + angleLow;
  return sineAfterQuarters(Number(nearest) + quarters, high, angle - high + angleLow) + 0;
}

/** sin(2 pi n / N) and cos(2 pi n / N); n and N are BigInts, N from 1 to 2^53. */
export const sinTurns = (n, N) => sineOfTurns(n, N, 0);
export const cosTurns = (n, N) => sineOfTurns(n, N, 1);
