// The page: the form asks, the service answers, and the sections show the answer.

import { drawAdvice, drawAxes, drawCertificate } from "./advice.mjs";
import { drawDepth, fetchStacks } from "./depth.mjs";
import { byId, show } from "./elements.mjs";
import { drawLines, prepareLines } from "./lines.mjs";
import {
  clearProblems, queryOf, question, readAddress, seeded, showProblems, tensorPairs, writeAddress,
} from "./question.mjs";
import { Refusal, json } from "./service.mjs";
import { drawTensor, fetchTensor } from "./tensor.mjs";

/** Milliseconds after the last key before the service is asked. */
const PAUSE = 150;

let running = new AbortController();
/** What the sections show, by the name of the function that draws it. */
let shown = {};

/** Plot comes in a script of its own, which has run when the document is ready. */
const drawable = new Promise((resolve) => {
  if (globalThis.Plot) resolve();
  else addEventListener("DOMContentLoaded", resolve);
});

const certificateUrl = (url) => url.replace(/^\/v1\/weights\.[a-z]+/, "/v1/weights.json");

/** The value of a promise, or its refusal. */
async function settled(promise) {
  try {
    return { value: await promise, refusal: null };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { value: null, refusal: error };
  }
}

/** Ask the service what the form asks, and show the answer. A later question ends an earlier one. */
async function answer() {
  running.abort();
  running = new AbortController();
  const { signal } = running;
  byId("answer").setAttribute("aria-busy", "true");
  try {
    await answerFor(seeded(question()), signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  if (!signal.aborted) byId("answer").setAttribute("aria-busy", "false");
}

async function answerFor(pairs, signal) {
  const { value: advice, refusal } = await settled(json(`/recommend?${queryOf(pairs)}`, signal));
  const certificate = await certificateFor(pairs, advice, refusal, signal);
  signal.throwIfAborted();
  clearProblems();
  if (refusal !== null) showProblems(refusal.errors);
  show("results", certificate !== null);
  if (certificate === null) {
    const count = refusal.errors.length;
    byId("decision").textContent = `The service cannot answer this: ${count === 1 ? "a field needs" : `${count} fields need`} a change.`;
    drawAxes(null, "");
    shown = {};
    return;
  }
  const own = advice !== null && advice.compared !== null ? certificate : null;
  if (advice === null) drawCertificate(pairs, certificate);
  else drawAdvice(pairs, advice, own);
  show("depth-block", advice !== null);
  show("why-block", advice !== null);
  drawLines(certificate);
  shown = {};
  const part = async (draw, asked) => {
    shown[draw.name] = await asked;
    await drawable;
    signal.throwIfAborted();
    draw(shown[draw.name]);
  };
  await Promise.all([
    part(tensorSection, settled(fetchTensor(certificate, signal))),
    part(schemeSection, own === null && advice !== null ? null : json(`/schemes/${certificate.scheme}`, signal)),
    part(depthSection, advice === null ? null : fetchStacks(pairs, advice, own, signal)),
  ]);
}

/** The certificate of the tensor that is shown: the question's own, or the recommended one.
 *
 * Some tensors belong to no layer that there is advice for. They are shown without it. */
async function certificateFor(pairs, advice, refusal, signal) {
  if (advice !== null) {
    return json(certificateUrl(advice.compared?.weights_url ?? advice.weights_url), signal);
  }
  if (refusal.status !== 422) return null;
  const tensor = tensorPairs(pairs);
  // The depth describes the network to /recommend. Of a tensor it is a number of a few schemes.
  for (const each of [tensor, tensor.filter(([field]) => field !== "depth")]) {
    const { value } = await settled(json(`/v1/weights.json?${queryOf(each)}`, signal));
    if (value !== null) return value;
  }
  return null;
}

const widthOf = (id) => Math.max(240, Math.floor(byId(id).clientWidth));

function tensorSection({ value, refusal }) {
  if (value === null) showProblems(refusal.errors);
  else drawTensor(value, widthOf("tensor-plot"));
}

function schemeSection(scheme) {
  byId("scheme-about").textContent = scheme === null ? "" : `${scheme.summary} ${scheme.formula}.`;
}

function depthSection(stacks) {
  if (stacks !== null) drawDepth(stacks, widthOf("depth-plot"));
}

/** Draw the pictures again, for another width or other colours. */
function redraw() {
  if (shown.tensorSection?.value) tensorSection(shown.tensorSection);
  if (shown.depthSection) depthSection(shown.depthSection);
}

let timer = 0;

function soon(pause) {
  clearTimeout(timer);
  timer = setTimeout(() => {
    writeAddress(question());
    answer();
  }, pause);
}

prepareLines();
readAddress();
byId("question").addEventListener("input", (event) => soon(event.target.tagName === "SELECT" ? 0 : PAUSE));
byId("question").addEventListener("submit", (event) => {
  event.preventDefault();
  soon(0);
});
addEventListener("popstate", () => {
  readAddress();
  answer();
});
let width = innerWidth;
addEventListener("resize", () => {
  if (innerWidth !== width) redraw();
  width = innerWidth;
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
answer();
