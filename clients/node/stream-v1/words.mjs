// Words of docs/stream-v1.md, section 2: Philox4x32-10, its key and its counter.

import { createHash } from "node:crypto";

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

/** The upper half of a 64-bit product, from halves of 16 bits, whose products a double holds. */
function multiplyHigh(a, b) {
  const [a1, a0, b1, b0] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const carried = a0 * b1 + (middle % 65536);
  return (a1 * b1 + Math.floor(middle / 65536) + Math.floor(carried / 65536)) >>> 0;
}

/** Philox4x32-10: four counter words and two key words to four words. */
export function philox(counter, key) {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round += 1) {
    const high0 = multiplyHigh(M0, c0);
    const high1 = multiplyHigh(M1, c2);
    const [low0, low1] = [Math.imul(M0, c0), Math.imul(M1, c2)];
    [c0, c1, c2, c3] = [high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0];
    k0 += W0;
    k1 += W1;
  }
  return [c0 >>> 0, c1 >>> 0, c2 >>> 0, c3 >>> 0];
}

const lowWord = (integer) => Number(BigInt.asUintN(32, integer));
const highWord = (integer) => lowWord(integer >> 32n);

/** The stream number of a tensor's name, a BigInt below 2^64. */
export function streamOf(name) {
  if (name === "") return 0n;
  return createHash("sha256").update(name, "utf8").digest().readBigUInt64LE(0);
}

/** The words of `blocks` blocks from block `first` on; seed, stream and first are BigInts. */
export function words(seed, stream, first, blocks, purpose) {
  const key = [lowWord(seed), highWord(seed)];
  const out = new Uint32Array(4 * blocks);
  for (let i = 0; i < blocks; i += 1) {
    const block = first + BigInt(i);
    const c1 = (purpose << 24) | highWord(block);
    out.set(philox([lowWord(block), c1, lowWord(stream), highWord(stream)], key), 4 * i);
  }
  return out;
}
