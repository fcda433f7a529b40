// The last step of every draw, section 3 of docs/stream-v1.md: bounds, then the dtype.

const cell = new DataView(new ArrayBuffer(8));

// Fraction bits, exponent of the smallest normal number, what holds the values or their bits.
const FORMATS = {
  float64: { fraction: 52, minimum: -1022, array: Float64Array },
  float32: { fraction: 23, minimum: -126, array: Float32Array },
  bfloat16: { fraction: 7, minimum: -126, array: Uint16Array },
  float16: { fraction: 10, minimum: -14, array: Uint16Array },
  float8_e4m3fn: { fraction: 3, minimum: -6, array: Uint8Array },
  float8_e5m2: { fraction: 2, minimum: -14, array: Uint8Array },
};
const LARGEST_SINGLE = 3.4028234663852886e38;

/** 2^n for a normal number, by its bits: powers by ** are not exact everywhere. */
function powerOfTwo(n) {
  cell.setBigUint64(0, BigInt(n + 1023) << 52n);
  return cell.getFloat64(0);
}

/** The exponent of x in a format, that of the smallest normal number for all below it. */
function exponentIn(format, x) {
  cell.setFloat64(0, x);
  return Math.max(((cell.getUint32(0) >>> 20) & 0x7ff) - 1023, format.minimum);
}

/** The finite single next to the double x on the side that `integer` (floor or ceil) says. */
function nextSingle(x, integer) {
  const scale = powerOfTwo(23 - exponentIn(FORMATS.float32, x));
  const single = integer(x * scale) / scale + 0; // a bound of zero is +0
  return Math.max(-LARGEST_SINGLE, Math.min(single, LARGEST_SINGLE));
}

/** The outermost singles inside the draw's bounds, for float64 the outermost doubles. */
function outermost(draw, dtype) {
  const { low = -draw.limit, high = draw.limit } = draw;
  if (high === undefined) return [-Infinity, Infinity];
  if (dtype === "float64") return [low, high];
  return [nextSingle(low, Math.ceil), nextSingle(high, Math.floor)];
}

/** The bits of a single rounded to a narrower format, ties to even, gradually into subnormals. */
function encode(format, x) {
  const exponent = exponentIn(format, x);
  const units = Math.abs(x) * powerOfTwo(format.fraction - exponent);
  // Above 2^52 a double has no fraction left, and the sum is rounded to even.
  const even = units + 4503599627370496 - 4503599627370496;
  const magnitude = (exponent - format.minimum) * (1 << format.fraction) + even;
  const sign = x < 0 || Object.is(x, -0) ? 1 << (8 * format.array.BYTES_PER_ELEMENT - 1) : 0;
  return sign | magnitude;
}

/** Values put inside the draw's bounds, then rounded: an array of numbers, or of bits below 32. */
export function store(values, draw, dtype) {
  const format = FORMATS[dtype];
  const [lowest, highest] = outermost(draw, dtype);
  const native = format.array === values.constructor;
  return format.array.from(values, (value) => {
    const inside = value < lowest ? lowest : value > highest ? highest : value;
    return native ? inside : encode(format, inside);
  });
}
