// Densities and distribution functions of the laws that values are drawn from.

const SQRT_2_PI = Math.sqrt(2 * Math.PI);

/** The standard normal distribution function, to 1e-7 (Abramowitz and Stegun 7.1.26). */
function normalBelow(x) {
  const t = 1 / (1 + 0.3275911 * (Math.abs(x) / Math.SQRT2));
  const poly = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  const tail = (poly * Math.exp((-x * x) / 2)) / 2;
  return x < 0 ? tail : 1 - tail;
}

/** The law of a certificate: its density, distribution function and range; null if it has none. */
export function lawOf({ distribution, mean, std, limit, low, high, parent_std }) {
  if (!(std > 0)) return null;
  if (distribution === "normal") {
    return {
      density: (x) => Math.exp(-(((x - mean) / std) ** 2) / 2) / (std * SQRT_2_PI),
      below: (x) => normalBelow((x - mean) / std),
      range: null,
      kurtosis: 3,
    };
  }
  const range = low !== null && high !== null ? [low, high] : limit === null ? null : [mean - limit, mean + limit];
  if (range === null) return null;
  const [from, to] = range;
  if (distribution === "uniform") {
    return {
      density: (x) => (x < from || x > to ? 0 : 1 / (to - from)),
      below: (x) => Math.min(1, Math.max(0, (x - from) / (to - from))),
      range,
      kurtosis: 1.8,
    };
  }
  if (distribution !== "truncated_normal" || parent_std === null) return null;
  // The mean of the parent is the law's own if it is cut symmetrically.
  const centre = (from + to) / 2;
  if (Math.abs(centre - mean) > 1e-6 * (to - from)) return null;
  const below = (x) => normalBelow((x - centre) / parent_std);
  const inside = below(to) - below(from);
  return {
    density: (x) =>
      x < from || x > to ? 0 : Math.exp(-(((x - centre) / parent_std) ** 2) / 2) / (parent_std * SQRT_2_PI * inside),
    below: (x) => Math.min(1, Math.max(0, (below(x) - below(from)) / inside)),
    range,
    kurtosis: 2.4,
  };
}
