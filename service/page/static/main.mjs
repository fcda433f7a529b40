// The page: the form asks, the service answers, and the sections show the answer.

import { drawAdvice, drawAxes, drawCertificate } from "./advice.mjs";
import { drawDepth, fetchStacks } from "./depth.mjs";
import { byId, show } from "./elements.mjs";
import { drawLines, prepareLines } from "./lines.mjs";
import {
  clearProblems, given, queryOf, question, readAddress, seeded, showProblems, tensorPairs, writeAddress,
} from "./question.mjs";
import { Refusal, json } from "./service.mjs";
import { drawTensor, fetchTensor } from "./tensor.mjs";

/** Milliseconds after the last key before the service is asked. */
const PAUSE = 150;

let running = new AbortController();
let shown = null;

const certificateUrl = (url) => url.replace(/^\/v1\/weights\.[a-z]+/, "/v1/weights.json");

/** The value of a promise, or the errors of its refusal. */
async function settled(promise) {
  try {
    return { value: await promise, errors: [] };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { value: null, errors: error.errors };
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
  const own = given(pairs, "scheme") !== "";
  const tensor = `/v1/weights.json?${queryOf(tensorPairs(pairs))}`;
  const [advised, asked] = await Promise.all([
    settled(json(`/recommend?${queryOf(pairs)}`, signal)),
    own ? settled(json(tensor, signal)) : { value: null, errors: [] },
  ]);
  const advice = advised.value;
  const compared = advice?.compared?.weights_url ?? (own ? null : advice?.weights_url);
  const found = compared ? await settled(json(certificateUrl(compared), signal)) : asked;
  signal.throwIfAborted();
  clearProblems();
  showProblems([...advised.errors, ...found.errors]);
  const certificate = found.value;
  show("results", certificate !== null);
  if (certificate === null) {
    byId("decision").textContent = "";
    drawAxes(null, "");
    shown = null;
    return;
  }
  if (advice === null) drawCertificate(pairs, certificate);
  else drawAdvice(pairs, advice, own ? certificate : null);
  drawLines(certificate);
  show("depth-block", advice !== null);
  show("why-block", advice !== null);
  const [values, stacks] = await Promise.all([
    settled(fetchTensor(certificate, signal)),
    advice === null ? null : fetchStacks(pairs, advice, signal),
  ]);
  signal.throwIfAborted();
  showProblems(values.errors);
  shown = { tensor: values.value, stacks };
  draw();
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
