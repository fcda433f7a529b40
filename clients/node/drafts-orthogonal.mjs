// Orthogonal matrices, a draft of Fanin's stream: docs/stream-v1-drafts.md, "Orthogonal matrices".
// Written from that page alone, with Node's standard library. Every number is a double.

import { values } from "./stream-v1.mjs";

const BLOCK = 16;

/** Step 3: the reflectors, in the columns of x, in place. x is m rows of n; returns sign and tau. */
function reflectors(x, m, n) {
  const [sign, tau] = [new Float64Array(n), new Float64Array(n)];
  for (let k = 0; k < n; k += 1) {
    let s = 0;
    for (let i = k; i < m; i += 1) s += x[i * n + k] * x[i * n + k];
    const [r, pivot] = [Math.sqrt(s), x[k * n + k]];
    sign[k] = pivot >= 0 ? -1 : 1;
    x[k * n + k] = pivot >= 0 ? pivot + r : pivot - r;
    tau[k] = 1 / (r * Math.abs(x[k * n + k]));
  }
  return { sign, tau };
}

/** X[l,k] X[l,l] + ... of two columns of x, from row l on. */
function inner(x, m, n, k, l) {
  let sum = 0;
  for (let i = l; i < m; i += 1) sum += x[i * n + k] * x[i * n + l];
  return sum;
}

/** Step 4: the product of the reflectors, m rows of n. */
function product(x, m, n, tau) {
  const [q, y] = [new Float64Array(m * n), new Float64Array(n)];
  for (let j = 0; j < n; j += 1) q[j * n + j] = 1;
  for (let k0 = Math.floor((n - 1) / BLOCK) * BLOCK; k0 >= 0; k0 -= BLOCK) {
    const e = Math.min(k0 + BLOCK, n);
    const u = new Float64Array(n * n);
    for (let k = k0; k < e; k += 1) {
      for (let l = k + 1; l < e; l += 1) u[k * n + l] = inner(x, m, n, k, l);
    }
    for (let j = k0; j < n; j += 1) {
      for (let k = e - 1; k >= k0; k -= 1) {
        let t = 0;
        for (let i = k; i < m; i += 1) t += x[i * n + k] * q[i * n + j];
        for (let l = k + 1; l < e; l += 1) t -= u[k * n + l] * y[l];
        y[k] = t * tau[k];
      }
      for (let i = k0; i < m; i += 1) {
        for (let k = k0; k < e && k <= i; k += 1) q[i * n + j] -= x[i * n + k] * y[k];
      }
    }
  }
  return q;
}

/** The transpose of a matrix of `rows` rows. */
function transposed(matrix, rows) {
  const columns = matrix.length / rows;
  return matrix.map((_, place) => matrix[(place % rows) * columns + Math.floor(place / rows)]);
}

/** One matrix in float64, row by row: R x C, its element numbers from `base` on. */
export function orthogonal(seed, name, base, rows, columns, gain = 1) {
  const z = values({ kind: "Normal", mean: 0, std: 1 }, "float64", seed, name, base, rows * columns);
  const [m, n] = [Math.max(rows, columns), Math.min(rows, columns)];
  const x = rows > columns ? z : transposed(z, rows);
  const { sign, tau } = reflectors(x, m, n);
  const v = product(x, m, n, tau).map((entry, place) => {
    const w = entry * sign[place % n];
    return Math.min(Math.max(w, -1), 1) * gain;
  });
  return rows > columns ? v : transposed(v, m);
}
