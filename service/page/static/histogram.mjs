// The histogram of values with what its law expects in each bin.

import { fitsAnAxis, gridOf } from "./values.mjs";

const BINS = 48;

/** The bins with their counts and, if there is a law, the expected counts.
 *
 * null if the numbers are too large, or too near to each other, for the steps of an axis. */
export function histogramOf(values, law, dtype) {
  let [from, to] = [Infinity, -Infinity];
  for (const value of values) {
    from = Math.min(from, value);
    to = Math.max(to, value);
  }
  if (law?.range) [from, to] = [Math.min(from, law.range[0]), Math.max(to, law.range[1])];
  if (from === to) {
    const half = spanOf(from) / (2 * BINS);
    if (!fitsAnAxis(from - half, from + half)) return null;
    return [{ x1: from - half, x2: from + half, count: values.length, expected: null }];
  }
  if (!fitsAnAxis(from, to)) return null;
  const step = (to - from) / BINS;
  const index = (value) => Math.min(BINS - 1, Math.max(0, Math.floor((value - from) / step)));
  const bins = Array.from({ length: BINS }, (_, bin) => ({
    x1: from + bin * step,
    x2: bin === BINS - 1 ? to : from + (bin + 1) * step,
    count: 0,
    expected: law ? 0 : null,
  }));
  for (const value of values) bins[index(value)].count += 1;
  if (law) expect(bins, index, law, values.length, dtype);
  return bins;
}

/** The width of the axis on which a single value stands. */
const spanOf = (value) => Math.abs(value) || 1;

/** Fill in the expected counts, of the law rounded to the dtype. */
function expect(bins, index, law, count, dtype) {
  const grid = gridOf(dtype);
  if (grid === null) {
    for (const bin of bins) bin.expected = count * (law.below(bin.x2) - law.below(bin.x1));
    return;
  }
  // A number of the dtype stands for all that is nearer to it than to its neighbours.
  grid.forEach((value, place) => {
    const low = place === 0 ? -Infinity : (grid[place - 1] + value) / 2;
    const high = place === grid.length - 1 ? Infinity : (value + grid[place + 1]) / 2;
    const expected = count * (law.below(high) - law.below(low));
    if (expected > 0) bins[index(value)].expected += expected;
  });
}

/** The picture: bars for the values, a line for the law. */
export function drawHistogram(bins, dtype, width) {
  const marks = [
    Plot.rectY(bins, { x1: "x1", x2: "x2", y: "count", fill: "var(--bar)", insetLeft: 0.5, insetRight: 0.5, className: "bars" }),
    Plot.ruleY([0], { stroke: "currentColor", strokeOpacity: 0.4 }),
  ];
  if (bins[0].expected !== null) {
    const middle = (bin) => (bin.x1 + bin.x2) / 2;
    // The values of a narrow dtype have gaps, through which a smooth curve would lead.
    const curve = gridOf(dtype) === null ? "monotone-x" : "step";
    marks.push(
      Plot.lineY(bins, { x: middle, y: "expected", stroke: "var(--accent)", strokeWidth: 2, curve, className: "expected" }),
    );
  }
  const single = (bins[0].x1 + bins[0].x2) / 2;
  const around = [single - spanOf(single) / 2, single + spanOf(single) / 2];
  const drawing = Plot.plot({
    width,
    height: 290,
    marginLeft: 48,
    marginBottom: 42,
    className: "drawing",
    x: { label: "value", ...(bins.length === 1 ? { domain: around } : {}) },
    y: { label: "values in a bin", grid: true, ticks: 5 },
    marks,
  });
  // For those who read the numbers of a picture with a program.
  return Object.assign(drawing, { bins });
}
