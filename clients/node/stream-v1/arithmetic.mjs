// Numbers of docs/stream-v1.md, section 1: literals, polynomials, bits of floats, rounding.
// A wide word is a pair (high, low) of 32, so BigInt is needed only for addresses.

const cell = new DataView(new ArrayBuffer(8));

/** RN32 of the page: goes around every operation that is in single. */
export const rn = Math.fround;

/** The rounding of a double: it is one already. */
export const keep = (x) => x;

/** The double a literal of the page stands for, exactly: "-0x1.8p-1" is -0.75. */
export function hex(literal) {
  const parts = /^(-?)0x([0-9a-f]+)\.?([0-9a-f]*)p([+-]?\d+)$/.exec(literal);
  if (parts === null) return Number(literal);
  const [, minus, whole, fraction, exponent] = parts;
  let value = Number(BigInt(`0x${whole}${fraction}`));
  let shift = Number(exponent) - 4 * fraction.length;
  for (; shift > 0; shift -= 1) value *= 2;
  for (; shift < 0; shift += 1) value *= 0.5;
  return minus ? -value : value;
}

/** A coefficient list as the page prints it, constant term first. */
export const list = (text) => text.trim().split(/,\s*/).map(hex);

/** Horner's rule from the last coefficient, in double. */
export function horner(coefficients, x) {
  let sum = coefficients[coefficients.length - 1];
  for (let i = coefficients.length - 2; i >= 0; i -= 1) sum = sum * x + coefficients[i];
  return sum;
}

/** The same in single: the page rounds each product and each sum. */
export function horner32(coefficients, x) {
  let sum = coefficients[coefficients.length - 1];
  for (let i = coefficients.length - 2; i >= 0; i -= 1) sum = rn(rn(sum * x) + coefficients[i]);
  return sum;
}

/** The bits of a single as a signed integer. */
export function bits32(x) {
  cell.setFloat32(0, x);
  return cell.getInt32(0);
}

/** The single of these bits. */
export function float32(bits) {
  cell.setInt32(0, bits);
  return cell.getFloat32(0);
}

/** The upper half of a double's bits, signed. What the page subtracts from bits of doubles ends in
 *  eight zeros (in 52 after a shift), so this half is all it takes. */
export function highBits(x) {
  cell.setFloat64(0, x);
  return cell.getInt32(0);
}

/** float(bits(x) - (e << 52)). */
export function lowerExponent(x, e) {
  cell.setFloat64(0, x);
  cell.setInt32(0, cell.getInt32(0) - (e << 20));
  return cell.getFloat64(0);
}

/** A 64-bit integer as a double: the product is exact, so only the sum rounds. */
export const wide = (high, low) => high * 4294967296 + low;
