// The tables of docs/drafts/structured.md and docs/drafts/filters.md, in double, from the pages
// alone. Each function returns the values in counting order. `logarithms` has the two parts of the
// logarithm of each base, which JavaScript has no decimal arithmetic to compute.

import { cos, cosTurns, exp, expm1, log, log1p, power, sin, sinTurns } from "./elementary.mjs";

const range = (n) => Array.from({ length: n }, (_, i) => i);
const isqrt = (n) => Math.floor(Math.sqrt(n));
const cosOf = (n, N) => cosTurns(BigInt(n), BigInt(N));
const sinOf = (n, N) => sinTurns(BigInt(n), BigInt(N));
const powerOf = (base, x, logarithms) => power(...logarithms[base], x);

/** value(row, column) of every element of a table. */
function table(rows, columns, value) {
  return range(rows).flatMap((row) => range(columns).map((column) => value(row, column)));
}

/** The exact sum of numbers of which none is negative, rounded once. */
function exactSum(values) {
  // Integers of 2^-1074 hold every double exactly.
  const cell = new DataView(new ArrayBuffer(8));
  let total = 0n;
  for (const value of values) {
    cell.setFloat64(0, value);
    const bits = cell.getBigUint64(0);
    const exponent = bits >> 52n;
    const fraction = bits & 0xfffffffffffffn;
    total += exponent === 0n ? fraction : (fraction | 0x10000000000000n) << (exponent - 1n);
  }
  // Round to 53 bits, ties to even.
  const length = total.toString(2).length;
  if (length <= 53) return Number(total) * 2 ** -537 * 2 ** -537;
  const shift = BigInt(length - 53);
  let top = total >> shift;
  const rest = total - (top << shift);
  const half = 1n << (shift - 1n);
  if (rest > half || (rest === half && top % 2n === 1n)) top += 1n;
  return Number(top) * 2 ** (Number(shift) - 1074);
}

export function interleaved([rows, width, base], logarithms) {
  return table(rows, width, (p, c) => {
    const angle = p * powerOf(base, -(2 * Math.floor(c / 2)) / width, logarithms);
    return c % 2 === 0 ? sin(angle) : cos(angle);
  });
}

export function inParts([rows, width, base, parts, steps], logarithms) {
  const side = isqrt(rows);
  const columns = width / parts;
  return table(rows, width, (row, c) => {
    const part = Math.floor(c / columns);
    const ofGrid = part < 2 ? row % side : Math.floor(row / side);
    const angle = (parts === 2 ? row : ofGrid) * powerOf(base, -(c % columns) / steps, logarithms);
    return part % 2 === 0 ? sin(angle) : cos(angle);
  });
}

export function rotary([length, base], logarithms) {
  return range(length).map((i) => powerOf(base, -i / length, logarithms));
}

export function alibi([heads], logarithms) {
  let m = 1;
  while (2 * m <= heads) m *= 2;
  const step = (h) => (h < m ? 2 * (h + 1) : 2 * (h - m) + 1);
  return range(heads).map((h) => powerOf(2, (-4 * step(h)) / m, logarithms));
}

export function gaussian([extent, sigma]) {
  const profile = range(extent).map((j) => {
    const u = j - (extent - 1) / 2;
    return exp(-(u * u) / (2 * sigma * sigma));
  });
  const values = table(extent, extent, (y, x) => profile[y] * profile[x]);
  const sum = exactSum(values);
  return values.map((value) => value / sum);
}

export function gabor([outputs, extent, sigma, wavelength, aspect, phase]) {
  const m = sigma / aspect;
  const u = -0.5 / (sigma * sigma);
  const v = -0.5 / (m * m);
  const turn = 6.283185307179586 / wavelength;
  return table(outputs, extent * extent, (o, tap) => {
    const x = (extent - 1) / 2 - (tap % extent);
    const y = (extent - 1) / 2 - Math.floor(tap / extent);
    const c = cosOf(o, 2 * outputs);
    const s = sinOf(o, 2 * outputs);
    const a = x * c + y * s;
    const b = y * c - x * s;
    return exp(u * a * a + v * b * b) * cos(turn * a + phase) + 0;
  });
}

export function stft([frequencies, samples, imaginary, periodic, a, b, c]) {
  const parts = 2 * (frequencies - 1);
  const n = periodic ? samples : samples - 1;
  const v = range(samples).map((t) => a - b * cosOf(t, n) + c * cosOf(2 * t, n));
  const divisor = Math.sqrt(exactSum(v.map((value) => value * value)));
  return table(frequencies, samples, (f, t) => {
    const z = imaginary ? -sinOf(f * t, parts) : cosOf(f * t, parts);
    return (z * v[t]) / divisor + 0;
  });
}

export function dct([rows, columns]) {
  return table(rows, columns, (k, n) =>
    k === 0
      ? Math.sqrt(1 / columns)
      : Math.sqrt(2 / columns) * cosOf(k * (2 * n + 1), 4 * columns),
  );
}

export function mel([bands, bins, rate, low, high, htk], logarithms) {
  const slaney = (f) => (f < 1000 ? (f * 15) / 1000 : 15 + (27 * log(f / 1000)) / log(6.4));
  const place = (f) => (htk ? log1p(f / 700) : slaney(f));
  const above = (m) => 1000 * powerOf(6.4, (m - 15) / 27, logarithms);
  const hertz = (m) => (htk ? 700 * expm1(m) : m < 15 ? (m * 1000) / 15 : above(m));
  const step = (place(high) - place(low)) / (bands + 1);
  const e = range(bands + 2).map((j) => hertz(place(low) + j * step));
  return table(bands, bins, (r, b) => {
    const f = (b * (rate * 0.5)) / (bins - 1);
    const rising = (f - e[r]) / (e[r + 1] - e[r]);
    const falling = (e[r + 2] - f) / (e[r + 2] - e[r + 1]);
    return Math.max(Math.min(rising, falling), 0) * (2 / (e[r + 2] - e[r]));
  });
}
