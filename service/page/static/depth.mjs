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
  const why = whyNone(pairs, advice);
  if (why !== "") return { why, stacks: [] };
  const width = Math.min(MOST_WIDTH, Math.round(advice.fan_in));
  const depth = given(pairs, "depth") || document.body.dataset.exampleDepth;
  const common = [["width", String(width)], ["depth", depth], ...surroundings(pairs, advice)];
  const recommended = recommendedStack(advice);
  const wanted = [{ label: "recommended", more: recommended.more }, ...ownStack(pairs, advice, own)];
  for (const rival of RIVALS) {
    if (!wanted.some(({ label }) => label === rival)) wanted.push({ label: rival, more: [["scheme", rival]] });
  }
  const stacks = [];
  for (const { label, more, own: theOwn } of wanted) {
    if (theOwn === undefined && isRecommended(label, stacks)) continue;
    if (theOwn !== undefined && !isRandom(theOwn)) {
      stacks.push({ label, answer: null, problem: "The theory is for random weights of mean 0." });
      continue;
    }
    // One after another: the service computes them in one thread, and its queue is short.
    const found = await stackOf(`/propagate?${queryOf([...common, ...more])}`, signal);
    const name = label === "recommended" ? nameOf(found.answer, advice, recommended.of) : label;
    stacks.push({ label: name, ...found });
    if (found.failed) break;
  }
  const about = [recommended.note, ...notesOf(pairs, stacks[0].answer)];
  return { why: "", stacks, width, depth, advice, about };
}

/** Why a layer has no stack of layers like it; "" if it has one. */
function whyNone(pairs, { layout, fan_in: fanIn }) {
  const apart = layout?.includes("E") && !layout.includes("I");
  if (apart || given(pairs, "layer").startsWith("depthwise")) {
    return "A depthwise kernel filters each channel alone. The stacks here are of layers that sum over all channels, so they say nothing of this layer.";
  }
  return fanIn >= 1 && layout?.includes("I") ? "" : "Only weights that a signal passes make a stack of layers.";
}

/** What stands around each layer. A role says how its block is built. */
function surroundings(pairs, { understood: { residual, normalization } }) {
  const asked = stackPairs(pairs, numberFields());
  if (residual === "none") return asked;
  const block = [["residual", residual], ["normalization", normalization]];
  return [...asked.filter(([field]) => !block.some(([name]) => name === field)), ...block];
}

/** The stack of the recommendation: the fields of its weights, whose they are, and a note.
 *
 * A layer that stands once in a network, or beside others in a block, makes no stack by itself. The
 * service then recommends weights for each layer of the stack. */
function recommendedStack({ weights_url: url, std, bias, understood: { position, residual } }) {
  if (position === "first" || position === "output") {
    const note = `The ${position} layer stands once in a network, so the stack is of hidden layers and what is recommended for them.`;
    return { more: [], of: "for hidden layers", note };
  }
  if (residual !== "none") {
    const note = "The layer is one of a residual block, so the stack is of blocks of two layers, each with the weights that are recommended for it.";
    return { more: [], of: "in blocks", note };
  }
  if (std === 0) {
    const note = "A stack of weights of 0 would carry no signal, so the stack is of hidden layers and what is recommended for them.";
    return { more: [], of: "for hidden layers", note };
  }
  const biases = bias.std > 0 ? [["bias_std", String(bias.std)]] : [];
  return { more: [...schemeOf(url), ...biases], of: "", note: "" };
}

/** The stack of the question's own weights, or of its own biases beside the recommended weights. */
function ownStack(pairs, advice, own) {
  const std = given(pairs, "bias_std");
  if (own === null && std === "") return [];
  const label = `${(own ?? advice).scheme}${std === "" ? "" : `, biases of std ${std}`}`;
  const scheme = schemeOf(own === null ? advice.weights_url : advice.compared.weights_url);
  return [{ label, more: [...scheme, ...(std === "" ? [] : [["bias_std", std]])], own: own ?? advice }];
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
  const layers = stacks[0]?.answer?.layers ?? [];
  const same = ({ scheme, bias_std: std, weights_url: url }) =>
    scheme === label && std === 0 && !/[?&](gain|scale|mode|std)=/.test(url);
  return layers.length > 0 && layers.every(same);
}

/** The name of the recommended stack. It is "recommended" if it has the scheme and gain of the advice. */
function nameOf(answer, { scheme, gain, std }, of) {
  if (answer === null) return "recommended";
  const [first] = answer.layers;
  const used = [...new Set(answer.layers.map((layer) => layer.scheme))];
  if (of !== "") return `${used.join(" and ")} ${of}`;
  const same = gain === null ? near(first.std, std) : near(first.gain, gain);
  return first.scheme === scheme && same ? `${scheme} (recommended)` : first.scheme;
}

/** Whether two numbers are the same but for the rounding of /propagate to six digits. */
const near = (number, other) => Math.abs(number - other) <= 1e-5 * Math.abs(other);

/** What a person may not expect of the stack. */
function notesOf(pairs, answer) {
  if (answer === null) return [];
  const { layers } = answer;
  const notes = [];
  const unsaid = given(pairs, "activation") === "" && given(pairs, "input_activation") === "";
  if (unsaid && layers.every(({ activation }) => activation === "linear")) {
    notes.push("No activation is given, so the layers are linear.");
  }
  if (given(pairs, "normalization") === "batch" && layers.length > 1) {
    const factor = layers[0].stream_gradient / layers[1].stream_gradient;
    const closed = layers[0].activation === "relu" ? "pi / (pi - 1) = " : "";
    if (factor > 1) {
      notes.push(`Batch normalization subtracts what the inputs of a batch have in common, so the gradient grows backward by ${closed}${powers(factor)} in each layer.`);
    }
  }
  return notes;
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

/** The variance of the signal behind each layer, and of the gradient with respect to it. */
function curvesOf({ answer: { layers } }) {
  const passed = layers.filter(({ stream }) => stream !== null);
  return {
    forward: [
      { layer: 0, value: 1 },
      ...passed.map(({ number, stream, stream_band }) => ({ layer: number, value: stream, band: stream_band })),
    ],
    backward: passed.map(({ number, stream_gradient, stream_gradient_band }) => ({
      layer: number, value: stream_gradient, band: stream_gradient_band,
    })),
  };
}

/** The lines: stacks of which all numbers are equal have one line. */
function linesOf(told) {
  const lines = [];
  for (const stack of told) {
    const curves = curvesOf(stack);
    const line = lines.find((each) => alike(each, curves));
    if (line !== undefined) line.names.push(stack.label);
    else lines.push({ ...curves, names: [stack.label], style: STYLES[lines.length] });
  }
  return lines;
}

const alike = (line, curves) =>
  ["forward", "backward"].every((which) =>
    line[which].every(({ value }, place) => Math.abs(value - curves[which][place].value) <= 1e-9 * Math.abs(value)),
  );

/** Draw the section. */
export function drawDepth({ why, stacks, width: fanIn, depth, advice, about }, width) {
  const told = stacks.filter(({ answer }) => answer !== null);
  byId("depth-about").textContent = why || (told.length === 0 ? stacks[0].problem : aboutOf(fanIn, depth, told[0], about));
  if (told.length > 0) byId("depth-about").textContent += missingOf(stacks);
  show("depth-scroll", stacks.length > 0);
  fillRows(stacks, told);
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
    ...picture("backward", "Squared norm of the gradient with respect to the output of each layer, relative to the last layer", ofThisLayer(advice)),
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

function aboutOf(fanIn, depth, { label, answer }, about) {
  const { layers, summary } = answer;
  const what = layers.length > Number(depth) ? `${depth} blocks of two layers` : `${depth} equal layers`;
  const told = `With ${label} the stack is ${summary[0].toLowerCase()}${summary.slice(1)}`;
  return [`${what} with fan_in = fan_out = ${fanIn}.`, ...about, told].filter(Boolean).join(" ");
}

function fillRows(stacks, told) {
  const rows = stacks.map(({ label, answer, problem }) => {
    if (answer === null) return [label, element("td", { colSpan: 3, textContent: problem })];
    const { forward, backward } = curvesOf({ answer });
    return [label, powers(forward.at(-1).value), powers(backward[0].value), answer.verdict];
  });
  const first = told.length === 0 ? 1 : curvesOf(told[0]).backward[0].layer;
  fillTable("depth-table", ["scheme", "variance at the end", `gradient at layer ${first}`, "verdict"], rows);
}

/** The points of a line that have a band. */
const bandOf = (line, which) => line[which].filter(({ band }) => band && band[0] > LEAST);

function drawCurves(lines, which, width) {
  const floor = (value) => Math.max(LEAST, value);
  const last = lines[0].forward.at(-1).layer;
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
    x: { label: "layer", domain: [0, last], ticks: Math.min(10, last), tickFormat: (each) => (Number.isInteger(each) ? String(each) : "") },
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

/** A number with at most four digits, as on the axes: 0.01, 1, 115.2, 1.074e9, 1e-9. */
function powers(value) {
  if (value === null) return "–";
  const short = Number(value.toPrecision(4));
  const plain = short === 0 || (short >= 0.001 && short <= 1000);
  return plain ? String(short) : short.toExponential().replace("+", "");
}
