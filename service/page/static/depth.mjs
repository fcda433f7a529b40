// The section about depth: a stack of layers like this one, with the recommended scheme and rivals.

import { NO_PICTURE, byId, canDraw, described, element, fill, fillTable, shortest, show } from "./elements.mjs";
import { given, queryOf, stackPairs, numberFields } from "./question.mjs";
import { Refusal, json } from "./service.mjs";

const RIVALS = ["he_normal", "glorot_normal", "lecun_normal", "torch.linear"];
const LEAST = 1e-30;
const MOST_WIDTH = 2 ** 24;

/** Lines differ in their dashes as well as in their colours. */
const STYLES = [
  { stroke: "var(--accent)", width: 4, dash: "" },
  { stroke: "var(--rival-1)", width: 2, dash: "8 4" },
  { stroke: "var(--rival-2)", width: 2, dash: "2 3" },
  { stroke: "var(--rival-3)", width: 2, dash: "12 3 2 3" },
  { stroke: "var(--rival-4)", width: 2, dash: "5 2 5 2 1 2" },
  { stroke: "var(--rival-5)", width: 1.5, dash: "" },
];

/** The stacks: the recommended one, the question's own scheme if it has one, and the rivals.
 *
 * `own` is the certificate of the question's own scheme, or null. */
export async function fetchStacks(pairs, advice, own, signal) {
  if (!(advice.fan_in >= 1) || !advice.layout?.includes("I")) {
    return { why: "Only weights that a signal passes make a stack of layers.", stacks: [] };
  }
  const width = Math.min(MOST_WIDTH, Math.round(advice.fan_in));
  const depth = given(pairs, "depth") || document.body.dataset.exampleDepth;
  const common = [["width", String(width)], ["depth", depth], ...stackPairs(pairs, numberFields())];
  const wanted = [{ label: "recommended", more: [] }];
  if (own !== null) wanted.push({ label: own.scheme, more: schemeOf(advice.compared.weights_url), own });
  for (const rival of RIVALS) {
    if (rival !== own?.scheme) wanted.push({ label: rival, more: [["scheme", rival]] });
  }
  const stacks = [];
  for (const { label, more, own: theOwn } of wanted) {
    if (theOwn === undefined && isRecommended(label, stacks)) continue;
    if (theOwn !== undefined && !isRandom(theOwn)) {
      stacks.push({ label, answer: null, problem: "The theory is for random weights of mean 0." });
      continue;
    }
    // One after another: the service computes them in one thread, and its queue is short.
    stacks.push({ label, ...(await stackOf(`/propagate?${queryOf([...common, ...more])}`, signal)) });
    if (stacks.at(-1).failed) break;
  }
  return { why: "", stacks, width, depth, advice };
}

/** The scheme in a URL with its numbers. Fans are those of the stack. */
function schemeOf(url) {
  const numbers = numberFields();
  return [...new URLSearchParams(url.split("?")[1])].filter(
    ([field]) => field === "scheme" || numbers.has(field),
  );
}

/** Whether the theory is about such values: it is about random ones of mean 0, and about zeros. */
const isRandom = ({ distribution, mean }) => distribution !== "deterministic" && mean === 0;

/** Whether a rival is what is recommended: its curve would be the same. */
function isRecommended(label, stacks) {
  const first = stacks[0]?.answer?.layers[0];
  if (!first || first.scheme !== label || first.bias_std > 0) return false;
  return !/[?&](gain|scale|mode|std)=/.test(first.weights_url);
}

/** A stack, or why there is none: a refusal of this stack, or a failure, which ends the others as well. */
async function stackOf(path, signal) {
  try {
    return { answer: await json(path, signal), problem: "" };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { failed, message } = error;
    return { answer: null, problem: failed ? `Curves are missing: ${message}.` : message, failed };
  }
}

/** The variance of the signal behind each layer, and of the gradient before it. */
function curvesOf({ answer: { layers } }) {
  const last = layers.length;
  return {
    forward: [
      { layer: 0, value: 1 },
      ...layers.map(({ number, stream, stream_band }) => ({ layer: number, value: stream, band: stream_band })),
    ],
    backward: [
      ...layers.map(({ number, stream_gradient, stream_gradient_band }) => ({
        layer: number - 1, value: stream_gradient, band: stream_gradient_band,
      })),
      { layer: last, value: 1 },
    ],
  };
}

/** The lines: stacks of which all numbers are equal have one line. */
function linesOf(told) {
  const lines = [];
  for (const stack of told) {
    const curves = curvesOf(stack);
    const line = lines.find((each) => alike(each, curves));
    if (line !== undefined) line.names.push(nameOf(stack));
    else lines.push({ ...curves, names: [nameOf(stack)], style: STYLES[lines.length] });
  }
  return lines;
}

const alike = (line, curves) =>
  ["forward", "backward"].every((which) =>
    line[which].every(({ value }, place) => Math.abs(value - curves[which][place].value) <= 1e-9 * Math.abs(value)),
  );

const nameOf = ({ answer, label }) =>
  label === "recommended" && answer ? `${answer.layers[0].scheme} (recommended)` : label;

/** Draw the section. */
export function drawDepth({ why, stacks, width: fanIn, depth, advice }, width) {
  const told = stacks.filter(({ answer }) => answer !== null);
  byId("depth-about").textContent = why || (told.length === 0 ? stacks[0].problem : aboutOf(fanIn, depth, told[0]));
  if (told.length > 0) byId("depth-about").textContent += missingOf(stacks);
  show("depth-scroll", stacks.length > 0);
  fillRows(stacks);
  fill("depth-legend");
  if (told.length === 0 || !canDraw()) {
    fill("depth-plot");
    return;
  }
  const lines = linesOf(told);
  fillLegend(lines);
  const picture = (which, title, more = "") => {
    const drawing = drawCurves(lines, which, width);
    const text = `${title}. The table has the ends of the curves.`;
    return [element("h3", { textContent: `${title}${more}` }), described(drawing, text)];
  };
  fill(
    "depth-plot",
    ...picture("forward", "Variance of the signal behind each layer"),
    ...picture("backward", "Squared norm of the gradient behind each layer", ofThisLayer(advice)),
  );
}

/** Why some curves, or the pictures of all of them, are missing; "" if none is. */
function missingOf(stacks) {
  const failed = stacks.find((stack) => stack.failed);
  return `${failed ? ` ${failed.problem}` : ""}${canDraw() ? "" : ` ${NO_PICTURE}`}`;
}

/** The lines as they are drawn with their names, and what the band is. */
function fillLegend(lines) {
  const line = ({ names, style }) => element("li", {}, sampleOf(style), names.join(" = "));
  const [first] = lines;
  const banded = [...bandOf(first, "forward"), ...bandOf(first, "backward")].length > 0;
  const band = element("li", {}, element("span", { className: "sample band", ariaHidden: "true" }), `95 of 100 draws of ${first.names[0]}`);
  fill("depth-legend", ...lines.map(line), banded ? band : null);
}

/** A short piece of a line. */
function sampleOf({ stroke, width, dash }) {
  const drawing = Plot.plot({
    width: 32, height: 10, margin: 0, axis: null, x: { domain: [0, 1] }, y: { domain: [0, 1] }, className: "sample",
    marks: [Plot.ruleY([0.5], { stroke, strokeWidth: width, strokeDasharray: dash || null })],
  });
  for (const part of drawing.querySelectorAll("[aria-label]")) part.removeAttribute("aria-label");
  drawing.setAttribute("aria-hidden", "true");
  return drawing;
}

/** Why the curve may be flat although Why says that this layer changes the gradient. */
function ofThisLayer({ fan_in: fanIn, fan_out: fanOut }) {
  if (!(fanOut >= 1) || fanOut === fanIn) return "";
  const ratio = `fan_out / fan_in = ${shortest(fanOut)} / ${shortest(fanIn)} = ${shortest(fanOut / fanIn)}`;
  return `. The layers of this stack have equal width, so ${ratio} of your layer is not in it. In your layer this ratio also multiplies the variance of the gradient.`;
}

function aboutOf(fanIn, depth, { answer }) {
  return `${depth} equal layers with fan_in = fan_out = ${fanIn}. ${answer.summary}`;
}

function fillRows(stacks) {
  const rows = stacks.map((stack) => {
    const { answer, problem } = stack;
    if (answer === null) return [nameOf(stack), element("td", { colSpan: 3, textContent: problem })];
    const { layers, verdict } = answer;
    return [nameOf(stack), shortest(layers.at(-1).stream), shortest(layers[0].stream_gradient), verdict];
  });
  fillTable("depth-table", ["scheme", "variance at the end", "gradient at the start", "verdict"], rows);
}

/** The points of a line that have a band. */
const bandOf = (line, which) => line[which].filter(({ band }) => band && band[0] > LEAST);

function drawCurves(lines, which, width) {
  const floor = (value) => Math.max(LEAST, value);
  const values = lines.flatMap((each) => each[which].map(({ value }) => value)).filter((value) => value > LEAST);
  const domain = [Math.min(0.1, ...values), Math.max(10, ...values)];
  const marks = [Plot.ruleY([1], { stroke: "currentColor", strokeOpacity: 0.4 })];
  marks.push(
    Plot.areaY(bandOf(lines[0], which), { x: "layer", y1: ({ band }) => band[0], y2: ({ band }) => band[1], fill: "var(--band)", fillOpacity: 0.2, clip: true, className: "band" }),
  );
  for (const { style, [which]: points } of lines) {
    marks.push(
      Plot.lineY(points, {
        x: "layer", y: ({ value }) => floor(value), stroke: style.stroke, strokeWidth: style.width,
        strokeDasharray: style.dash || null, clip: true, className: "curve",
      }),
    );
  }
  return Plot.plot({
    width,
    height: 160,
    marginLeft: 48,
    marginBottom: 40,
    marginTop: 12,
    className: "drawing",
    x: { label: "layer", ticks: Math.min(10, lines[0][which].length - 1), tickFormat: (each) => (Number.isInteger(each) ? String(each) : "") },
    y: { type: "log", domain, clamp: true, label: null, grid: true, ticks: powersIn(domain), tickFormat: powers },
    marks,
  });
}

/** At most five powers of ten in a domain, 1 among them, at equal distances. */
function powersIn([low, high]) {
  const [from, to] = [Math.ceil(Math.log10(low)), Math.floor(Math.log10(high))];
  const step = Math.ceil((to - from) / 4) || 1;
  const first = Math.ceil(from / step);
  return Array.from({ length: Math.floor(to / step) - first + 1 }, (_, place) => Number(`1e${step * (first + place)}`));
}

/** A tick of a logarithmic axis: 0.01, 1, 100, 1e-9. */
function powers(value) {
  return value >= 0.001 && value <= 1000 ? String(value) : value.toExponential(0).replace("+", "");
}
