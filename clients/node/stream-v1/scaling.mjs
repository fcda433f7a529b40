// Scaling, docs/stream-v1.md, section 3: times std, plus mean.

import { keep } from "./arithmetic.mjs";

/** The function that scales a unit variate; `round` is that of the precision it is in. */
export function scaling(draw, round = keep) {
  const [mean, std] = [round(draw.mean), round(draw.std)];
  // Adding 0 would turn -0 into 0.
  return mean === 0 ? (z) => round(z * std) : (z) => round(round(z * std) + mean);
}
