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
let shown = null;

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
    shown = null;
    return;
  }
  const own = advice !== null && advice.compared !== null ? certificate : null;
  if (advice === null) drawCertificate(pairs, certificate);
  else drawAdvice(pairs, advice, own);
  show("depth-block", advice !== null);
  show("why-block", advice !== null);
  drawLines(certificate);
  const [tensor, stacks, scheme] = await Promise.all([
    settled(fetchTensor(certificate, signal)),
    advice === null ? null : fetchStacks(pairs, advice, own, signal),
    own === null && advice !== null ? null : json(`/schemes/${certificate.scheme}`, signal),
  ]);
  signal.throwIfAborted();
  if (tensor.refusal !== null) showProblems(tensor.refusal.errors);
  byId("scheme-about").textContent = scheme === null ? "" : `${scheme.summary} ${scheme.formula}.`;
  shown = { tensor: tensor.value, stacks };
  draw();
}

/** The certificate of the tensor that is shown: the question's own, or the recommended one.

 * Some tensors belong to no layer that there is advice for. They are shown without it. */
async function certificateFor(pairs, advice, refusal, signal) {
  if (advice !== null) {
    return json(certificateUrl(advice.compared?.weights_url ?? advice.weights_url), signal);
  }
  if (refusal.status !== 422) return null;
  return (await settled(json(`/v1/weights.json?${queryOf(tensorPairs(pairs))}`, signal))).value;
}

/** Draw the pictures of what is shown, as wide as they may be. */
function draw() {
  if (shown === null) return;
  const width = (id) => Math.max(240, Math.floor(byId(id).clientWidth));
  if (shown.tensor !== null) drawTensor(shown.tensor, width("tensor-plot"));
  if (shown.stacks !== null) drawDepth(shown.stacks, width("depth-plot"));
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
  if (innerWidth !== width) draw();
  width = innerWidth;
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
answer();
