// The question: the fields of the form, which are those of /recommend, and the query of the page.

import { byId, counted, element } from "./elements.mjs";

const NAMES = [
  "shape", "layout", "layer", "activation", "depth", "normalization", "role", "scheme", "dtype",
  "seed", "name",
];

const FIRST = "shape=64,3,7,7&layout=torch&layer=conv2d&activation=relu&depth=10&seed=42&name=conv1.weight";

/** What the page shows if its address has no query. */
export const SEED = "42";

const words = (name) => new Set(document.body.dataset[name].split(" "));

/** The pairs of a query, in the order of the text. */
const pairsOf = (query) => [...new URLSearchParams(query)];

/** A query as Fanin writes it: commas, colons and @ stay as they are. */
export function queryOf(pairs) {
  const text = new URLSearchParams(pairs).toString();
  return text.replaceAll("%2C", ",").replaceAll("%3A", ":").replaceAll("%40", "@");
}

/** Characters of the longest query that the page asks with.
 *
 * The server reads addresses of 8,192 bytes, and heads of 16,384. A head has two addresses, because
 * browsers send that of the page as well. */
const MOST_QUERY = 7000;

/** The errors of a question that is too long for an address: its longest field is. */
export function errorsOfLength(pairs) {
  const query = queryOf(pairs);
  if (query.length <= MOST_QUERY) return [];
  const lengths = pairs.map(([, value]) => encodeURIComponent(value).length);
  const [field] = pairs[lengths.indexOf(Math.max(...lengths))];
  const message = `the question is too long for an address: it has ${counted(query.length)} characters, and ${counted(MOST_QUERY)} fit`;
  return [{ field, message, hint: "shorten this text" }];
}

/** Put the address's query into the form. A further field, or a field's second value, is in `more`. */
export function readAddress() {
  lastEdit = { field: null, at: -Infinity };
  const found = new Map();
  const more = [];
  for (const [field, value] of pairsOf(location.search || FIRST)) {
    if (NAMES.includes(field) && !found.has(field)) found.set(field, value);
    else more.push([field, value]);
  }
  for (const field of NAMES) put(byId(field), found.get(field) ?? "");
  byId("more").value = queryOf(more).replaceAll("&", " ");
}

/** Set a control's value. A word that a list of choices lacks becomes one of its choices. */
function put(control, value) {
  if (control.tagName === "SELECT" && ![...control.options].some((each) => each.value === value)) {
    control.append(element("option", { value, textContent: value }));
  }
  control.value = value;
}

/** The question as pairs: the controls that are not empty, then the further fields. */
export function question() {
  const given = NAMES.map((field) => [field, valueOf(field)]).filter(([, value]) => value !== "");
  const more = joined(byId("more").value).trim().split(/[\s&]+/).filter((each) => each !== "");
  return [...given, ...more.flatMap(pairsOf)];
}

/** Further fields without spaces around =. A field without a value does not take the next field. */
const joined = (text) => text.replace(/\s+=/g, "=").replace(/=\s+(?=[^\s=&]+(?:[\s&]|$))/g, "=");

function valueOf(field) {
  const value = byId(field).value;
  return field === "shape" ? extents(value) : field === "name" ? value : value.trim();
}

/** A shape as people write it, (64, 3, 7, 7) or 64 x 3 x 7 x 7, with commas alone. */
function extents(text) {
  const bare = text.trim().replace(/^[([]\s*(.*?)\s*,?\s*[)\]]$/, "$1");
  return bare.replace(/\s*,\s*/g, ",").replace(/(\d)(?:\s*[x×]\s*|\s+)(?=\d)/g, "$1,");
}

/** The question with a seed, so that the page shows one tensor. */
export function seeded(pairs) {
  return pairs.some(([field]) => field === "seed") ? pairs : [...pairs, ["seed", SEED]];
}

/** Those pairs that are fields of /recommend: the biases belong to the stack of layers alone. */
export const advicePairs = (pairs) => pairs.filter(([field]) => field !== "bias_std");

/** Those pairs that are fields of a tensor. */
export const tensorPairs = (pairs) =>
  advicePairs(pairs).filter(([field]) => !words("adviceFields").has(field));

/** Fields of a layer that say nothing about a stack of equal layers. */
const OF_THE_LAYER = new Set([
  "shape", "layout", "layer", "groups", "parts", "stride", "fan_in", "fan_out", "dtype", "order",
  "slice", "seed", "name", "role", "position", "depth", "scheme", "bias_std",
]);

/** Those pairs that describe a stack of layers like this one, without its shape, scheme and biases. */
export function stackPairs(pairs, schemeFields) {
  const stack = words("stackFields");
  return pairs.filter(
    ([field]) => stack.has(field) && !OF_THE_LAYER.has(field) && !schemeFields.has(field),
  );
}

/** Fields that set the numbers of a scheme. */
export function numberFields() {
  const about = new Set(["activation", "negative_slope", ...OF_THE_LAYER]);
  return new Set([...words("tensorFields")].filter((field) => !about.has(field)));
}

/** The value of a field, or "". */
export const given = (pairs, name) => pairs.find(([field]) => field === name)?.[1] ?? "";

/** Milliseconds without a change of a field after which the next change is an edit of its own. */
const EDIT = 2000;

let lastEdit = { field: null, at: -Infinity };

/** Write the question into the address, so that a link shows the same and Back undoes the edit.
 *
 * What is typed into a field without a long pause is one edit, and one entry of the history. */
export function writeAddress(pairs, field) {
  // The server refuses a longer address, so the page could not be loaded again.
  if (errorsOfLength(pairs).length > 0) return;
  const address = `/?${queryOf(pairs)}${location.hash}`;
  const now = performance.now();
  const sameEdit = field === lastEdit.field && now - lastEdit.at < EDIT;
  lastEdit = { field, at: now };
  if (address === `${location.pathname}${location.search}${location.hash}`) return;
  try {
    if (sameEdit) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
  } catch {
    // A browser limits how often the address changes. The next edit writes it.
  }
}

/** Forget all problems. */
export function clearProblems() {
  byId("problems").replaceChildren();
  for (const note of document.querySelectorAll(".field .problem")) note.remove();
  for (const control of document.querySelectorAll("[aria-invalid]")) {
    control.removeAttribute("aria-invalid");
    if (control.id === "more") control.setAttribute("aria-describedby", "more-help");
    else control.removeAttribute("aria-describedby");
  }
}

/** An error in the page's words: its list of layers says "by shape" where the service says none.
 *
 * A layer whose weight has another number of axes is an error of the layout for the service. A
 * person who chose the layer and types the shape looks there. Three axes that fit several layers
 * are told with all stds by the service; here the lists have the layers and the letters. */
function inWordsOfThePage({ field, message, hint }) {
  if (field === "layout" && /\bthree axes (?:fit|have) several\b/.test(message)) {
    return {
      fields: ["layer", "shape"],
      message: "three axes fit several layers, and their fans differ",
      hint: "choose the layer, or the letters of the axes under Framework",
    };
  }
  const wrongRank = field === "layout" && byId("layer").value !== "" && / axes; the shape has \d+$/.test(message);
  return {
    fields: wrongRank ? ["layer", "shape"] : [field],
    message,
    hint: hint
      .replace(/\buse layer=(\w+), or leave layer out\b/, 'choose the layer "$1" or "by shape"')
      .replace(/\bleave layer out\b/, 'choose the layer "by shape"'),
  };
}

/** Show each error beside its field, or above the answer if no control has it. */
export function showProblems(errors) {
  const shown = new Set();
  for (const { fields, message, hint } of errors.map(inWordsOfThePage)) {
    const [field, ...others] = fields;
    const text = `${field}\n${message}`;
    if (shown.has(text)) continue;
    shown.add(text);
    const control = controlOf(field);
    const label = control?.id === "more" || control === null ? field : "";
    const start = label === "" ? message : `${label}: ${message}`;
    const note = element("p", { className: "problem" }, start);
    note.append(element("span", { className: "hint" }, ...withLinks(placed(hint, field, control))));
    if (control === null) {
      byId("problems").append(note);
      continue;
    }
    note.id = `${control.id}-problem-${shown.size}`;
    for (const each of [control, ...others.map(byId)]) markInvalid(each, note);
    control.closest(".field").append(note);
  }
}

/** A hint to add a field that has no control says where it is added. */
function placed(hint, field, control) {
  const lacks = control?.id === "more" && hint.startsWith(`add ${field}=`);
  return lacks ? hint.replace(/^add (\S+)/, "write $1 here, under More fields") : hint;
}

/** A hint in parts, with a link where it names the path of a list. */
const withLinks = (hint) =>
  hint.split(/(\/[a-z]+)(?= lists all)/).map((part) => (part.startsWith("/") ? element("a", { href: part, textContent: part }) : part));

function markInvalid(control, note) {
  control.setAttribute("aria-invalid", "true");
  const described = control.getAttribute("aria-describedby");
  control.setAttribute("aria-describedby", described ? `${described} ${note.id}` : note.id);
}

function controlOf(field) {
  if (NAMES.includes(field)) return byId(field);
  return field === "" ? null : byId("more");
}
