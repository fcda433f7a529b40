// The page: the form asks, the service answers, and the sections show the answer.

import { drawAdvice, drawAxes, drawCertificate, drawScheme } from "./advice.mjs";
import { drawDepth, fetchStacks } from "./depth.mjs";
import { byId, show } from "./elements.mjs";
import { drawLines, prepareLines, readLanguage } from "./lines.mjs";
import {
  advicePairs, clearProblems, errorsOfLength, queryOf, question, readAddress, seeded, showProblems, tensorPairs, writeAddress,
} from "./question.mjs";
import { Refusal, inTime, json, orEnd } from "./service.mjs";
import { drawTensor, fetchTensor } from "./tensor.mjs";
import { prepareTyping } from "./typing.mjs";

/** Milliseconds after the last key before the service is asked. */
const PAUSE = 150;

let running = new AbortController();
/** What the sections show, by the name of the function that draws it. */
let shown = {};
/** Whether all sections show the answer to one question. */
let complete = false;

/** Plot comes in a script of its own, which has run when the document is ready, or never will. */
const drawable = new Promise((resolve) => {
  if (globalThis.Plot || document.readyState === "complete") resolve();
  for (const ready of ["DOMContentLoaded", "load"]) addEventListener(ready, resolve);
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
    await answerFor(seeded(question()), signal, inTime(signal));
  } catch (error) {
    if (signal.aborted) return;
    // A section that is still on its way is not drawn any more.
    running.abort();
    showFailure(error);
  }
  if (running.signal === signal) byId("answer").setAttribute("aria-busy", "false");
}

/** Say that no answer can be shown: a refusal in the middle of it, or a fault of this page. */
function showFailure(error) {
  clearProblems();
  show("results", false);
  complete = false;
  shown = {};
  byId("scheme-about").textContent = "";
  const refused = error instanceof Refusal;
  byId("decision").textContent = refused ? "There is no answer to show." : "This page has a fault: it cannot show the answer.";
  const told = { field: "", message: String(error), hint: "change a field, or load the page again" };
  showProblems(refused ? error.errors : [told]);
}

/** `signal` ends what is drawn, and `timely` the requests as well, whose time is limited. */
async function answerFor(pairs, signal, timely) {
  const { value: advice, refusal } = await settled(adviceFor(pairs, timely));
  const certificate = await certificateFor(pairs, advice, refusal, timely);
  signal.throwIfAborted();
  clearProblems();
  if (refusal !== null) showProblems(refusal.errors);
  // A shape is refused while a person types it. The answer before it stays, dimmed.
  show("results", certificate !== null || complete);
  byId("results").inert = certificate === null;
  if (certificate === null) {
    byId("decision").textContent = `${whatIsRefused(refusal.errors)}${complete ? " Below is the answer before the change." : ""}`;
    drawAxes(null, "");
    byId("scheme-about").textContent = "";
    return;
  }
  const own = advice !== null && advice.compared !== null ? certificate : null;
  const described = own !== null || advice === null;
  complete = false;
  if (!described || !isAbout(certificate.scheme)) drawScheme(pairs, null, certificate);
  if (advice === null) drawCertificate(pairs, certificate);
  else drawAdvice(pairs, advice, own);
  show("depth-block", advice !== null);
  show("why-block", advice !== null);
  drawLines(certificate);
  shown = {};
  const part = async (draw, asked) => {
    shown[draw.name] = await asked;
    await orEnd(drawable, timely);
    signal.throwIfAborted();
    draw(shown[draw.name]);
  };
  await Promise.all([
    part(tensorSection, settled(fetchTensor(certificate, timely))),
    part(depthSection, advice === null ? null : fetchStacks(pairs, advice, own, timely)),
    described ? sentence(pairs, certificate, signal, timely) : null,
  ]);
  complete = true;
}

/** The recommendation. A question that no address has room for is refused here. */
async function adviceFor(pairs, timely) {
  const errors = errorsOfLength(pairs);
  if (errors.length > 0) throw new Refusal(414, errors);
  return json(`/recommend?${queryOf(advicePairs(pairs))}`, timely);
}

/** Whether the sentence about a scheme is about this one. */
const isAbout = (scheme) => byId("scheme-about").textContent.startsWith(`${scheme}: `);

/** The sentence about the question's own scheme. The answer is whole without it. */
async function sentence(pairs, certificate, signal, timely) {
  const { value } = await settled(json(`/schemes/${certificate.scheme}`, timely));
  signal.throwIfAborted();
  drawScheme(pairs, value, certificate);
}

function whatIsRefused(errors) {
  if (errors.every(({ field }) => field === "")) return "The service cannot answer this.";
  // What has no name, such as =2, is a field as well.
  const count = new Set(errors.map(({ field, message }) => field || message)).size;
  return `The service cannot answer this: ${count === 1 ? "a field needs" : `${count} fields need`} a change.`;
}

/** The certificate of the tensor that is shown: the question's own, or the recommended one.
 *
 * Some tensors belong to no layer that there is advice for. They are shown without it. */
async function certificateFor(pairs, advice, refusal, timely) {
  if (advice !== null) {
    return json(certificateUrl(advice.compared?.weights_url ?? advice.weights_url), timely);
  }
  if (refusal.status !== 422) return null;
  const tensor = tensorPairs(pairs);
  // The depth describes the network to /recommend. Of a tensor it is a number of a few schemes.
  for (const each of [tensor, tensor.filter(([field]) => field !== "depth")]) {
    const found = await settled(json(`/v1/weights.json?${queryOf(each)}`, timely));
    if (found.value !== null) return found.value;
    if (found.refusal.failed) throw found.refusal;
  }
  return null;
}

const widthOf = (id) => Math.max(240, Math.floor(byId(id).clientWidth));

function tensorSection({ value, refusal }) {
  if (value === null) showProblems(refusal.errors);
  drawTensor(value ?? { values: null, why: "The values did not come." }, widthOf("tensor-plot"));
}

function depthSection(stacks) {
  if (stacks !== null) drawDepth(stacks, widthOf("depth-plot"));
}

/** Draw the pictures again, for another width or other colours. */
function redraw() {
  try {
    if (shown.tensorSection?.value) tensorSection(shown.tensorSection);
    if (shown.depthSection) depthSection(shown.depthSection);
  } catch (error) {
    showFailure(error);
  }
}

/** Move the focus to the answer, and the view if the answer begins outside of its upper half. */
function goToAnswer() {
  const target = byId("answer");
  target.focus({ preventScroll: true });
  const { top } = target.getBoundingClientRect();
  if (top < 0 || top > innerHeight / 2) target.scrollIntoView();
}

let timer = 0;

/** Ask after a pause, which ends when the next key is pressed. */
function soon(pause, field) {
  clearTimeout(timer);
  timer = setTimeout(() => {
    writeAddress(question(), field);
    answer();
  }, pause);
}

const form = byId("question");
prepareLines();
prepareTyping(form);
readAddress();
// What is typed has a type of input, and what is chosen has none.
form.addEventListener("input", ({ target, inputType }) => soon(inputType === undefined ? 0 : PAUSE, target.id));
form.addEventListener("submit", (event) => {
  event.preventDefault();
  soon(0, document.activeElement.id);
});
addEventListener("popstate", () => {
  clearTimeout(timer);
  readAddress();
  readLanguage();
  answer();
});
// A link to another question is answered in place: the focus and the view go to the answer.
document.querySelector("main").addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="/?"]');
  if (link === null || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  clearTimeout(timer);
  history.pushState(null, "", link.getAttribute("href"));
  readAddress();
  answer();
  goToAnswer();
});
// The part behind the # is the language, so the link to the answer must not write it.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  goToAnswer();
});
let width = innerWidth;
addEventListener("resize", () => {
  if (innerWidth !== width) redraw();
  width = innerWidth;
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
byId("unloaded").remove();
answer();
