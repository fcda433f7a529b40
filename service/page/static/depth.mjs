// The section about depth: a stack of layers like this one, with the recommended scheme and rivals.

import { byId, described, element, fill, fillTable, shortest, show } from "./elements.mjs";
import { given, queryOf, stackPairs, numberFields } from "./question.mjs";
import { Refusal, json } from "./service.mjs";

/** The depth of the stack if the question has none. */
const DEPTH = "10";
const RIVALS = ["he_normal", "glorot_normal", "lecun_normal", "torch.linear"];
const LEAST = 1e-30;
const MOST_WIDTH = 2 ** 24;

const STYLES = [
  { stroke: "var(--accent)", width: 4.5, dash: "" },
  { stroke: "var(--rival-1)", width: 1.75, dash: "" },
  { stroke: "var(--rival-2)", width: 1.75, dash: "6 3" },
  { stroke: "var(--rival-3)", width: 1.75, dash: "2 3" },
  { stroke: "var(--rival-4)", width: 1.75, dash: "8 3 2 3" },
  { stroke: "var(--rival-5)", width: 1.75, dash: "4 2" },
];

/** The stacks: the recommended one, the question's own scheme if it has one, and the rivals.
 *
 * `own` is the certificate of the question's own scheme, or null. */
export async function fetchStacks(pairs, advice, own, signal) {
  if (!(advice.fan_in >= 1) || !advice.layout?.includes("I")) {
    return { why: "Only weights that a signal passes make a stack of layers.", stacks: [] };
  }
  const width = Math.min(MOST_WIDTH, Math.round(advice.fan_in));
  const depth = given(pairs, "depth") || DEPTH;
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
  }
  return { why: "", stacks, width, depth };
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

async function stackOf(path, signal) {
  try {
    return { answer: await json(path, signal), problem: "" };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { answer: null, problem: error.message };
  }
}

/** The variance of the signal behind each layer, and of the gradient before it. */
function curvesOf({ answer, label }) {
  const { layers } = answer;
  const last = layers.length;
  return {
    forward: [
      { layer: 0, value: 1, label },
      ...layers.map(({ number, stream, stream_band }) => ({ layer: number, value: stream, label, band: stream_band })),
    ],
    backward: [
      ...layers.map(({ number, stream_gradient, stream_gradient_band }) => ({
        layer: number - 1, value: stream_gradient, label, band: stream_gradient_band,
      })),
      { layer: last, value: 1, label },
    ],
  };
}

/** Draw the section. */
export function drawDepth({ why, stacks, width: fanIn, depth }, width) {
  const told = stacks.filter(({ answer }) => answer !== null);
  byId("depth-about").textContent = why || (told.length === 0 ? stacks[0].problem : aboutOf(fanIn, depth, told[0]));
  show("depth-scroll", stacks.length > 0);
  fillRows(stacks);
  if (told.length === 0) {
    fill("depth-plot");
    return;
  }
  const curves = told.map((stack) => ({ ...curvesOf(stack), style: styleOf(stacks, stack) }));
  const picture = (which, title) => {
    const drawing = drawCurves(curves, which, width);
    const text = `${title}. The table has the ends of the curves.`;
    return [element("h3", { textContent: title }), described(drawing, text)];
  };
  fill(
    "depth-plot",
    ...picture("forward", "Variance of the signal behind each layer"),
    ...picture("backward", "Squared norm of the gradient behind each layer"),
  );
}

function aboutOf(fanIn, depth, { answer }) {
  return `${depth} equal layers with fan_in = fan_out = ${fanIn}. ${answer.summary}`;
}

const styleOf = (stacks, stack) => STYLES[stacks.indexOf(stack)];

function fillRows(stacks) {
  const rows = stacks.map((stack) => {
    const { answer, label, problem } = stack;
    const style = styleOf(stacks, stack);
    const swatch = element("span", { className: style.width > 2 ? "swatch main" : "swatch", ariaHidden: "true" });
    swatch.style.borderTopColor = style.stroke;
    if (style.dash !== "") swatch.style.borderTopStyle = "dashed";
    const name = element("span", {}, swatch, label === "recommended" && answer ? `${answer.layers[0].scheme} (recommended)` : label);
    if (answer === null) return [name, element("td", { colSpan: 3, textContent: problem })];
    const { layers, verdict } = answer;
    return [name, shortest(layers.at(-1).stream), shortest(layers[0].stream_gradient), verdict];
  });
  fillTable("depth-table", ["scheme", "variance at the end", "gradient at the start", "verdict"], rows);
}

function drawCurves(curves, which, width) {
  const floor = (value) => Math.max(LEAST, value);
  const values = curves.flatMap((each) => each[which].map(({ value }) => value)).filter((value) => value > LEAST);
  const domain = [Math.min(0.1, ...values), Math.max(10, ...values)];
  const marks = [Plot.ruleY([1], { stroke: "currentColor", strokeOpacity: 0.4 })];
  const banded = curves[0][which].filter(({ band }) => band && band[0] > LEAST);
  marks.push(
    Plot.areaY(banded, { x: "layer", y1: ({ band }) => band[0], y2: ({ band }) => band[1], fill: "var(--band)", fillOpacity: 0.13, clip: true, className: "band" }),
  );
  for (const { style, [which]: points } of curves) {
    marks.push(
      Plot.lineY(points, {
        x: "layer", y: ({ value }) => floor(value), stroke: style.stroke, strokeWidth: style.width,
        strokeDasharray: style.dash || null, strokeOpacity: style.width > 2 ? 0.55 : 1, clip: true, className: "curve",
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
    x: { label: "layer", ticks: Math.min(10, curves[0][which].length - 1), tickFormat: (each) => (Number.isInteger(each) ? String(each) : "") },
    y: { type: "log", domain, clamp: true, label: null, grid: true, ticks: 4, tickFormat: powers },
    marks,
  });
}

/** A tick of a logarithmic axis: 0.01, 1, 100, 1e-9. */
function powers(value) {
  if (Math.abs(Math.log10(value) % 1) > 1e-9) return "";
  return value >= 0.001 && value <= 1000 ? String(value) : value.toExponential(0).replace("+", "");
}
