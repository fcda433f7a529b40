// Tensors without independent values as pictures: matrices, kernels and sequences.

import { shortest } from "./elements.mjs";

const MOST_CELLS = 64;
const MOST_KERNEL = 33;
const MOST_OUTPUTS = 6;
const MOST_INPUTS = 4;
const MOST_SEQUENCE = 1024;
/** How many cells a picture may have if it writes their numbers. */
const MOST_NUMBERS = 180;

/** Which picture a certificate's tensor needs: histogram, sequence, kernels or matrix. */
export function viewOf({ access, scheme, layout, shape }) {
  if (access === "elementwise") return "histogram";
  if (shape.length <= 1) return "sequence";
  const kernel = layout !== null && /[DHW]/.test(layout);
  const flat = access === "materialised" && !scheme.includes("delta");
  return kernel && !flat ? "kernels" : "matrix";
}

/** The letter of each axis: O for rows and I for columns if the layout does not say. */
function lettersOf({ layout, shape }) {
  if (layout !== null && layout.length === shape.length) return [...layout];
  return shape.map((_, axis) => (axis === 0 ? "O" : "I"));
}

/** The slice that has all that a picture shows, an item for each axis; null for the whole. */
export function sliceFor(view, certificate) {
  const { shape } = certificate;
  const most = (letter) => {
    if (view === "sequence") return MOST_SEQUENCE;
    if (/[DHW]/.test(letter)) return MOST_KERNEL;
    return view === "matrix" ? MOST_CELLS : letter === "I" ? MOST_INPUTS : MOST_OUTPUTS;
  };
  const kept = lettersOf(certificate).map((letter, axis) => Math.min(shape[axis], most(letter)));
  return kept.every((extent, axis) => extent === shape[axis]) ? null : kept.map((extent) => `0:${extent}`);
}

/** The cells of a matrix: outputs are rows, everything else is columns in counting order. */
export function matrixOf(certificate, values) {
  const { rows, columns } = axesOf(certificate, (letter) => letter === "O" || letter === "E");
  const [heights, widths] = [places(rows), places(columns)];
  return heights.map((row) => widths.map((column) => values[row + column]));
}

/** The kernels: for each output and input a list of rows. */
export function kernelsOf(certificate, values) {
  const { rows, columns } = axesOf(certificate, (letter) => !/[DHW]/.test(letter));
  const outside = { outputs: rows.filter(({ letter }) => letter !== "I"), inputs: rows.filter(({ letter }) => letter === "I") };
  const across = columns.filter(({ letter }) => letter === "W");
  const down = columns.filter(({ letter }) => letter === "H");
  // A kernel of three axes is shown by its middle.
  const deep = columns.filter(({ letter }) => letter === "D");
  const middle = deep.reduce((sum, { extent, stride }) => sum + stride * Math.floor(extent / 2), 0);
  return places(outside.outputs).slice(0, MOST_OUTPUTS).flatMap((output, o) =>
    places(outside.inputs).slice(0, MOST_INPUTS).map((input, i) => ({
      output: o,
      input: i,
      rows: places(down).map((y) => places(across).map((x) => values[output + input + middle + y + x])),
    })),
  );
}

function axesOf(certificate, isRow) {
  const { shape, order } = certificate;
  const letters = lettersOf(certificate);
  const axes = shape.map((extent, axis) => {
    const faster = order === "F" ? shape.slice(0, axis) : shape.slice(axis + 1);
    return { letter: letters[axis], extent, stride: faster.reduce((product, each) => product * each, 1) };
  });
  // Kernel axes count in the order D, H, W, behind the channels, whatever the layout.
  axes.sort((a, b) => "EOIDHW".indexOf(a.letter) - "EOIDHW".indexOf(b.letter));
  return { rows: axes.filter((each) => isRow(each.letter)), columns: axes.filter((each) => !isRow(each.letter)) };
}

/** The offsets of all index tuples of some axes, the last one fastest. */
function places(axes) {
  return axes.reduce(
    (before, { extent, stride }) =>
      before.flatMap((offset) => Array.from({ length: extent }, (_, index) => offset + index * stride)),
    [0],
  );
}

/** The largest distance of the rows' products, or the columns', from a multiple of the identity. */
export function departure(matrix) {
  const wide = matrix.length <= matrix[0].length;
  const vectors = wide ? matrix : matrix[0].map((_, column) => matrix.map((row) => row[column]));
  const product = (a, b) => a.reduce((sum, x, place) => sum + x * b[place], 0);
  const scale = product(vectors[0], vectors[0]);
  let most = 0;
  vectors.forEach((a, i) => {
    vectors.slice(i).forEach((b, j) => {
      most = Math.max(most, Math.abs(product(a, b) / scale - (j === 0 ? 1 : 0)));
    });
  });
  return { most, what: wide ? "W Wᵀ" : "Wᵀ W", scale };
}

/** Colours from the least to the largest value, with the panel's colour at 0. */
function colours(most) {
  const style = getComputedStyle(document.documentElement);
  const range = ["--rival-1", "--panel", "--accent"].map((name) => style.getPropertyValue(name).trim());
  return { type: "linear", domain: [-most, 0, most], range };
}

/** A heat map of a list of rows. */
export function drawMatrix(matrix, width) {
  const cells = matrix.slice(0, MOST_CELLS).flatMap((row, output) =>
    row.slice(0, MOST_CELLS).map((value, input) => ({ output, input, value })),
  );
  const rows = Math.min(matrix.length, MOST_CELLS);
  const columns = Math.min(matrix[0].length, MOST_CELLS);
  const side = Math.min((Math.min(width, 420) - 48) / columns, 320 / rows, 40);
  return cellPlot(cells, {
    width: Math.max(side * columns, 60) + 48,
    height: Math.max(side * rows, 24) + 44,
    x: { label: "inputs", ticks: ticksOf(columns), tickSize: 0, axis: "top" },
    y: { label: "outputs", ticks: ticksOf(rows), tickSize: 0 },
  }, { x: "input", y: "output" });
}

/** Heat maps of kernels, an output in each row and an input in each column. */
export function drawKernels(kernels, width) {
  const cells = kernels.flatMap(({ output, input, rows }) =>
    rows.flatMap((row, y) => row.map((value, x) => ({ output, input, x, y, value }))),
  );
  const outputs = new Set(cells.map(({ output }) => output)).size;
  const inputs = new Set(cells.map(({ input }) => input)).size;
  const [high, wide] = [kernels[0].rows.length, kernels[0].rows[0].length];
  const side = Math.min((Math.min(width, 560) - 60) / (inputs * (wide + 0.6)), 48);
  return cellPlot(cells, {
    width: side * inputs * (wide + 0.6) + 60,
    height: side * outputs * (high + 0.6) + 50,
    x: { axis: null },
    y: { axis: null },
    fx: { label: "input", axis: "top", padding: 0.12, tickFormat: (each) => String(each) },
    fy: { label: "output", padding: 0.12, tickFormat: (each) => String(each) },
  }, { x: "x", y: "y", fx: "input", fy: "output" });
}

function cellPlot(cells, options, channels) {
  const most = Math.max(...cells.map(({ value }) => Math.abs(value))) || 1;
  const marks = [
    Plot.cell(cells, { ...channels, fill: "value", stroke: "var(--line)", strokeWidth: 0.5, className: "cells" }),
  ];
  if (cells.length <= MOST_NUMBERS && options.width / Math.sqrt(cells.length) > 34) {
    const dark = ({ value }) => Math.abs(value) > 0.6 * most;
    const text = ({ value }) => shortest(Number(value.toPrecision(3)));
    const numbers = (some, fill) => Plot.text(some, { ...channels, text, fill, fontSize: 11, className: "numbers" });
    marks.push(numbers(cells.filter(dark), "var(--paper)"), numbers(cells.filter((each) => !dark(each)), "var(--ink)"));
  }
  const margins = { marginLeft: 46, marginTop: 40, marginRight: 2, marginBottom: 4 };
  return Plot.plot({ ...options, ...margins, className: "drawing", padding: 0, color: colours(most), marks });
}

function ticksOf(extent) {
  const step = extent <= 16 ? 1 : extent <= 32 ? 4 : 16;
  return Array.from({ length: Math.ceil(extent / step) }, (_, index) => index * step);
}

/** The values of one axis in their order. */
export function drawSequence(values, width) {
  const points = Array.from(values, (value, index) => ({ index, value }));
  return Plot.plot({
    width,
    height: 240,
    marginLeft: 56,
    marginBottom: 42,
    className: "drawing",
    x: { label: "element" },
    y: { label: "value", grid: true, ticks: 5, nice: true },
    marks: [
      Plot.ruleY([0], { stroke: "currentColor", strokeOpacity: 0.4 }),
      Plot.ruleX(points, { x: "index", y: "value", stroke: "var(--bar)" }),
      Plot.dot(points, { x: "index", y: "value", fill: "var(--accent)", r: points.length > 100 ? 1.5 : 3, className: "points" }),
    ],
  });
}
