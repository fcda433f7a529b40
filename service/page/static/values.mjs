// The values of a .raw file: little-endian numbers of any of Fanin's dtypes.

/** Bytes of a value, and how its bits are divided. */
export const DTYPES = {
  float64: { bytes: 8 },
  float32: { bytes: 4 },
  float16: { bytes: 2, exponent: 5, fraction: 10 },
  bfloat16: { bytes: 2, exponent: 8, fraction: 7 },
  float8_e4m3fn: { bytes: 1, exponent: 4, fraction: 3 },
  float8_e5m2: { bytes: 1, exponent: 5, fraction: 2 },
};

/** The number that a code of a narrow dtype means. Fanin issues no infinity and no NaN. */
function decoded(code, { bytes, exponent, fraction }) {
  const sign = code >> (8 * bytes - 1) ? -1 : 1;
  const power = (code >> fraction) & ((1 << exponent) - 1);
  const rest = (code & ((1 << fraction) - 1)) / (1 << fraction);
  const bias = (1 << (exponent - 1)) - 1;
  return sign * (power === 0 ? rest * 2 ** (1 - bias) : (1 + rest) * 2 ** (power - bias));
}

/** The values in an ArrayBuffer, as a Float64Array. */
export function valuesOf(buffer, name) {
  const dtype = DTYPES[name];
  if (dtype.bytes === 8) return new Float64Array(buffer);
  if (dtype.bytes === 4) return Float64Array.from(new Float32Array(buffer));
  const codes = dtype.bytes === 2 ? new Uint16Array(buffer) : new Uint8Array(buffer);
  return Float64Array.from(codes, (code) => decoded(code, dtype));
}

/** All finite numbers of a narrow dtype, in ascending order; null for float32 and float64. */
export function gridOf(name) {
  const dtype = DTYPES[name];
  if (dtype.exponent === undefined) return null;
  const half = 2 ** (8 * dtype.bytes - 1);
  const top = (1 << dtype.exponent) - 1;
  const finite = (code) =>
    name === "float8_e4m3fn" ? code !== half - 1 : code >> dtype.fraction !== top;
  const positive = Array.from({ length: half }, (_, code) => code)
    .filter(finite)
    .map((code) => decoded(code, dtype));
  return [...positive.slice(1).reverse().map((value) => -value), ...positive];
}

/** Whether an axis can go from one number to the other: no step of it overflows or is subnormal. */
export const fitsAnAxis = (from, to) => to - from >= 2 ** -960 && to - from <= 2 ** 960;

/** Mean, standard deviation and kurtosis. The squares of scaled values neither overflow nor vanish. */
export function moments(values) {
  const most = values.reduce((found, x) => Math.max(found, Math.abs(x)), 0);
  const scale = most > 0 ? 2 ** Math.floor(Math.log2(most)) : 1;
  const average = (f) => values.reduce((sum, x) => sum + f(x / scale), 0) / values.length;
  const first = values[0] / scale;
  const mean = first + average((x) => x - first);
  const variance = average((x) => (x - mean) ** 2);
  const kurtosis = variance > 0 ? average((x) => (x - mean) ** 4) / variance ** 2 : null;
  return { mean: scale * mean, std: scale * Math.sqrt(variance), kurtosis };
}
