// The sections that say what is recommended, and why.

import { byId, element, fill, fillTable, shortest, show } from "./elements.mjs";
import { given, numberFields, queryOf } from "./question.mjs";

/** The numbers of a certificate or of a recommendation that the table compares. */
const NUMBERS = ["gain", "mean", "std", "limit"];

/** Warnings of a certificate's canonical URL, which leaves out what is the default. */
const OF_SPELLING = new Set(["layer_guessed", "name_missing"]);

/** Draw all of them. `own` is the certificate of the question's own scheme, or null. */
export function drawAdvice(pairs, advice, own) {
  byId("decision").textContent = advice.decision;
  byId("equation").textContent = advice.equation ?? "";
  drawAxes(advice.layout, given(pairs, "shape"));
  drawFacts(advice, own);
  fill("why", ...advice.rationale.map(line));
  drawWarnings([...advice.warnings, ...(own?.warnings ?? []).filter(({ code }) => !OF_SPELLING.has(code))]);
  drawClassic(pairs, advice);
  drawAlternatives(pairs, advice.alternatives);
  drawEquivalents(advice.equivalents);
  drawReferences(advice.references);
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

function drawFacts(advice, own) {
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
    rows.push(["biases", element("td", { colSpan: columns.length, textContent: biasesOf(advice.bias) })]);
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
  const columns = [["He", he], ["Glorot, LeCun", 1]];
  const known = columns.some(([, each]) => Math.abs(each - gain) < 1e-9);
  if (gain > 0 && !known) columns.push(["recommended", gain]);
  const means = [["fan_in", fanIn], ["fan_avg", (fanIn + fanOut) / 2], ["fan_out", fanOut]];
  const cells = (n, factor) => {
    const std = factor * Math.sqrt(1 / n);
    const className = Math.abs(std - advice.std) <= 1e-9 * std ? "here" : "";
    return [std, Math.sqrt(3) * std].map((number) => element("td", { className, textContent: shortest(number) }));
  };
  fillTable(
    "classic",
    ["n", ...columns.flatMap(([who, factor]) => [`${who}: std, gain ${shortest(factor)}`, "limit"])],
    means.map(([mode, n]) => [`${mode} = ${shortest(n)}`, ...columns.flatMap(([, factor]) => cells(n, factor))]),
  );
}

function drawAlternatives(pairs, alternatives) {
  show("alternatives-block", alternatives.length > 0);
  const numbers = new Set([...numberFields(), "scheme"]);
  fill(
    "alternatives",
    ...alternatives.map(({ scheme, what, when, std, weights_url: url }) => {
      const scheming = [...new URLSearchParams(url.split("?")[1])].filter(([field]) => numbers.has(field));
      const kept = pairs.filter(([field]) => !numbers.has(field));
      const link = element("a", { href: `/?${queryOf([...kept, ...scheming])}`, textContent: scheme });
      const size = std === null ? "" : ` Its std is ${shortest(std)}.`;
      return element("li", {}, link, `: ${what}, if ${when}.${size}`);
    }),
  );
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
