// The sections that say what is recommended, and why.

import { byId, element, fill, fillTable, shortest, show } from "./elements.mjs";
import { given, numberFields, queryOf } from "./question.mjs";

/** The numbers of a certificate or of a recommendation that the table compares. */
const NUMBERS = ["gain", "mean", "std", "limit"];

/** Warnings of a certificate's canonical URL, which leaves out what is the default. */
const OF_SPELLING = new Set(["layer_guessed", "name_missing"]);

/** Draw all of them. `own` is the certificate of the question's own scheme, or null. */
export function drawAdvice(pairs, advice, own) {
  const { decision } = advice;
  const recommended = `Recommended for training: ${decision[0].toLowerCase()}${decision.slice(1)}`;
  byId("decision").textContent = own === null ? decision : recommended;
  byId("equation").textContent = advice.equation ?? "";
  drawAxes(advice.layout, given(pairs, "shape"));
  drawFacts(advice, own, given(pairs, "bias_std"));
  fill("why", ...advice.rationale.map(line));
  drawWarnings([...advice.warnings, ...(own?.warnings ?? []).filter(({ code }) => !OF_SPELLING.has(code))]);
  drawClassic(pairs, advice);
  drawAlternatives(pairs, advice);
  drawEquivalents(advice.equivalents);
  drawReferences(advice.references);
}

/** When people use the schemes that no training starts from, apart from what they do. */
const USES = {
  identity: "Use it for a layer that should change nothing at first, such as one added to a trained network, and for recurrent weights with ReLU.",
  dirac: "Use it for a convolution that should change nothing at first, such as one added to a trained network.",
  constant: "Use it for biases and scales. In a weight matrix it makes all units of the layer equal, and training keeps them equal.",
  zeros: "In a weight matrix, zeros make all units of the layer equal, and training keeps them equal.",
  ones: "In a weight matrix, ones make all units of the layer equal, and training keeps them equal.",
};

/** Schemes of which the summary says the formula. */
const IN_WORDS = ["zeros", "ones", "constant"];

/** Say what the question's own scheme does, and when it is used; nothing if `scheme` is null. */
export function drawScheme(pairs, scheme, certificate) {
  const said = scheme === null ? [] : [
    `${scheme.name}: ${scheme.summary}`, USES[scheme.name], bestPatch(pairs, certificate),
    IN_WORDS.includes(scheme.name) ? "" : `The values: ${scheme.formula}.`,
  ];
  byId("scheme-about").textContent = said.filter(Boolean).join(" ");
}

/** The patch on which the output of a kernel with given values is largest; "" for other tensors. */
function bestPatch(pairs, { scheme, layout, shape }) {
  const scaled = !["", "none"].includes(given(pairs, "normalise"));
  if (scheme !== "literal" || scaled || layout === null || layout.includes("D")) return "";
  const values = given(pairs, "kernel").split(",").map(Number);
  const sum = (numbers) => shortest(numbers.reduce((total, each) => total + each, 0));
  const width = shape[layout.indexOf("W")];
  const patch = values
    .map((value, place) => `${place > 0 && place % width === 0 ? " / " : ""}${value > 0 ? "■" : "□"}`)
    .join("");
  const most = sum(values.filter((value) => value > 0));
  return `With pixels from 0 to 1 its output is largest, ${most}, on the patch ${patch} (■ is 1, □ is 0). On a white patch it is ${sum(values)}.`;
}

/** Draw what is known of a tensor that no advice fits. */
export function drawCertificate(pairs, own) {
  const stream = own.status === "draft" ? "a draft" : "frozen";
  byId("decision").textContent = `${own.scheme} gives this tensor, whose bytes are ${stream}. There is no advice about it.`;
  byId("equation").textContent = "";
  drawAxes(own.layout, given(pairs, "shape"));
  drawFacts(null, own);
  fill("why");
  drawWarnings(own.warnings);
  drawReferences(own.references);
  for (const block of ["classic-block", "alternatives-block", "equivalents-block"]) show(block, false);
}

const line = (text) => element("li", { textContent: text });

/** Each axis of the shape with its letter. */
export function drawAxes(layout, shape) {
  const extents = shape.split(",");
  const fits = layout !== null && layout.length === extents.length;
  const axis = (extent, index) => element("span", {}, `${layout[index]} `, element("b", { textContent: extent }));
  fill("axes", ...(fits ? extents.map(axis) : []));
}

function drawFacts(advice, own, ownBiases = "") {
  const columns = [advice, own].filter((each) => each !== null);
  const row = (name, value, strong = false) => [
    name,
    ...columns.map((each) => element("td", { className: strong ? "strong" : "", textContent: value(each) })),
  ];
  const titles = columns.map((each) => (each === advice && own !== null ? "recommended" : "this tensor"));
  const rows = [
    row("scheme", ({ scheme }) => scheme, true),
    row("law", ({ distribution }) => distribution),
    row("fan_in", ({ fan_in }) => shortest(fan_in ?? advice?.fan_in), true),
    row("fan_out", ({ fan_out }) => shortest(fan_out ?? advice?.fan_out), true),
    row("mode", ({ mode }) => mode ?? "–"),
    ...NUMBERS.map((name) => row(name, (each) => shortest(each[name]), name === "std" || name === "limit")),
  ];
  if (advice !== null) {
    const told = biasesOf(advice.bias);
    const cells = own !== null && ownBiases !== "" ? [told, `std ${ownBiases}`] : [told];
    const colSpan = cells.length === 1 ? columns.length : 1;
    rows.push(["biases", ...cells.map((textContent) => element("td", { colSpan, textContent }))]);
  }
  fillTable("facts", ["", ...titles], rows);
}

const biasesOf = ({ scheme, value, std }) =>
  std ? `${scheme}, std ${shortest(std)}` : value === null ? scheme : shortest(value);

function drawWarnings(warnings) {
  const seen = new Map(warnings.map((warning) => [`${warning.code} ${warning.message}`, warning]));
  show("warnings-block", seen.size > 0);
  fill(
    "warnings",
    ...[...seen.values()].map(({ code, message }) =>
      element("li", {}, element("code", { textContent: code }), message),
    ),
  );
}

/** std and limit for the gains and the means of the fans that the papers use. */
function drawClassic(pairs, advice) {
  const { fan_in: fanIn, fan_out: fanOut, gain } = advice;
  const fits = fanIn > 0 && fanOut > 0;
  show("classic-block", fits);
  if (!fits) return;
  const slope = Number(given(pairs, "negative_slope") || 0);
  const he = Math.sqrt(2 / (1 + slope ** 2));
  const gains = [["He", he], ["Glorot, LeCun", 1]];
  const known = gains.some(([, each]) => Math.abs(each - gain) < 1e-9);
  if (gain > 0 && !known) gains.push(["recommended", gain]);
  const means = [["fan_in", fanIn], ["fan_avg", (fanIn + fanOut) / 2], ["fan_out", fanOut]];
  const cells = (n, factor) => {
    const std = factor * Math.sqrt(1 / n);
    const className = Math.abs(std - advice.std) <= 1e-9 * std ? "here" : "";
    return [std, Math.sqrt(3) * std].map((number) => element("td", { className, textContent: shortest(number) }));
  };
  const head = (textContent, rowSpan = 1) => element("th", { scope: "row", rowSpan, textContent });
  // A row for each gain: a third gain would make a table of columns wider than its place.
  const rows = means.flatMap(([mode, n]) =>
    gains.map(([who, factor], index) => [
      ...(index === 0 ? [head(`${mode} = ${shortest(n)}`, gains.length)] : []),
      head(`${who}: ${shortest(factor)}`),
      ...cells(n, factor),
    ]),
  );
  fillTable("classic", ["n", "gain", "std", "limit"], rows);
}

/** The alternatives as links. The question's own scheme is shown already. */
function drawAlternatives(pairs, advice) {
  const others = advice.alternatives.filter(({ weights_url: url }) => url !== advice.compared?.weights_url);
  show("alternatives-block", others.length > 0);
  const numbers = new Set([...numberFields(), "scheme"]);
  fill(
    "alternatives",
    ...others.map(({ scheme, what, when, std, bias_std: biases, weights_url: url }) => {
      const scheming = [...new URLSearchParams(url.split("?")[1])].filter(([field]) => numbers.has(field));
      if (biases !== null) scheming.push(["bias_std", shortest(biases)]);
      const kept = pairs.filter(([field]) => !numbers.has(field) && field !== "bias_std");
      const link = element("a", { href: `/?${queryOf([...kept, ...scheming])}`, textContent: scheme });
      return element("li", {}, link, `: ${what}. Use it if ${when}.${sizeOf(what, std, advice.std)}`);
    }),
  );
}

/** The std of an alternative, where it differs from the recommended one and `what` lacks it. */
function sizeOf(what, std, recommended) {
  const told = std === null || shortest(std) === shortest(recommended) || /\bstd\b/.test(what) || what === "all 0";
  return told ? "" : ` Its std is ${shortest(std)}.`;
}

function drawEquivalents(equivalents) {
  const told = Object.entries(equivalents ?? {});
  show("equivalents-block", told.length > 0);
  fill(
    "equivalents",
    ...told.flatMap(([framework, { code, note }]) => [
      element("dt", { textContent: framework }),
      element("dd", {}, code === null ? null : element("code", { textContent: code }), note ? element("small", { textContent: ` ${note}` }) : null),
    ]),
  );
}

function drawReferences(references) {
  show("references-block", references.length > 0);
  fill(
    "references",
    ...references.map(({ title, authors, year, where }) => line(`${authors.join(", ")} (${year}). ${title}. ${where}.`)),
  );
}
