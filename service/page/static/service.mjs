// Requests to the service, and its refusals (RFC 9457).

/** The statuses with which the service refuses a question. */
const OF_THE_QUESTION = [400, 413, 422];

/** A refusal with its errors, each with a field, a message and a hint. */
export class Refusal extends Error {
  constructor(status, errors) {
    super(errors.map(({ message }) => message).join("; "));
    this.status = status;
    this.errors = errors;
    /** Whether the reason is not in the question, so that other questions would fail as well. */
    this.failed = !OF_THE_QUESTION.includes(status);
  }
}

/** Seconds that all answers to one question may take, their bodies included. */
const MOST_SECONDS = 60;
/** Seconds that the page waits in all for a server that is busy or not ready. */
const MOST_WAIT = 60;

/** A refusal that no field is the reason of. */
const failure = (message, hint, status = 0) => new Refusal(status, [{ field: "", message, hint }]);

/** A signal for all requests of one question: `signal` ends them, and so do MOST_SECONDS. */
export function inTime(signal) {
  const late = new AbortController();
  const told = failure(`the server did not answer within ${MOST_SECONDS} seconds`, "try again, or ask for a smaller tensor");
  const timer = setTimeout(() => late.abort(told), 1000 * MOST_SECONDS);
  signal.addEventListener("abort", () => clearTimeout(timer));
  return AbortSignal.any([signal, late.signal]);
}

/** Wait for a promise, but no longer than the signal lets the requests of a question go on. */
export async function orEnd(promise, signal) {
  let end = null;
  const ended = new Promise((resolve) => { end = resolve; });
  signal.addEventListener("abort", end);
  if (signal.aborted) end();
  await Promise.race([promise, ended]);
  signal.removeEventListener("abort", end);
}

/** The body of the answer at a path. While the server is busy or not ready, ask again when it says so. */
async function bodyAt(path, read, signal, headers = {}) {
  for (let waited = 0; ; ) {
    const { answer, body } = await asked(path, read, signal, headers);
    if (answer.ok) return body;
    const wait = Number(answer.headers.get("Retry-After"));
    waited += wait;
    if (answer.status !== 503 || !(wait > 0) || waited > MOST_WAIT) {
      throw new Refusal(answer.status, errorsOf(answer.status, body));
    }
    await orEnd(new Promise((resolve) => setTimeout(resolve, 1000 * wait)), signal);
    signal.throwIfAborted();
  }
}

/** An answer with what `read` makes of its body. The body of a refusal is a text. */
async function asked(path, read, signal, headers) {
  let answer = null;
  try {
    answer = await fetch(path, { signal, headers });
    return { answer, body: await (answer.ok ? read(answer) : answer.text()) };
  } catch (error) {
    signal.throwIfAborted();
    throw failureOf(error, answer);
  }
}

function failureOf(error, answer) {
  if (error instanceof Refusal) return error;
  if (answer === null) return failure("the server does not answer", "start it, or check the connection");
  if (error instanceof SyntaxError) return unexpected();
  return failure("the connection was cut before the answer was complete", "change a field, or load the page again");
}

const unexpected = () => failure("the server's answer cannot be read", "load the page again: server and page may be of different releases");

const isText = (value) => typeof value === "string";
const isRecord = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const isList = Array.isArray;
const isUrl = (value) => isText(value) && value.startsWith("/v1/weights.");
const isFull = (value) => isList(value) && value.length > 0;

/** What the page reads in the answers at each path. An answer without it cannot be read. */
const READ = {
  "/recommend?": {
    decision: isText, scheme: isText, distribution: isText, weights_url: isUrl, understood: isRecord, bias: isRecord,
    equivalents: isRecord, rationale: isList, warnings: isList, references: isList, alternatives: isList,
    compared: (compared) => compared === null || isUrl(compared?.weights_url),
  },
  "/v1/weights.json?": {
    scheme: isText, dtype: isText, access: isText, shape: isList, warnings: isList, references: isList,
    elements: Number.isFinite, formats: (formats) => isUrl(formats?.json?.url) && isUrl(formats.raw?.url),
  },
  "/schemes/": { name: isText, summary: isText, formula: isText },
  "/propagate?": { verdict: isText, summary: isText, layers: isFull },
};

/** Whether the answer at a path has what the page reads in it. */
function isReadable(path, answer) {
  const [, fields] = Object.entries(READ).find(([start]) => path.startsWith(start));
  return isRecord(answer) && Object.entries(fields).every(([field, fits]) => fits(answer[field]));
}

/** The errors of a refusal. Proxies refuse with bodies of their own, which have none. */
function errorsOf(status, body) {
  // The server's hint is for programs, which may send a body.
  if (status === 414 || status === 431) return failure("the question is too long for an address", "shorten the longest text").errors;
  const known = (errors) => Array.isArray(errors) && errors.length > 0 && errors.every(isError);
  try {
    const { errors } = JSON.parse(body);
    if (known(errors)) return errors;
  } catch {
    // The status says all that is known.
  }
  return failure(`the server answered with status ${status}`, "change a field, or load the page again").errors;
}

const isError = (error) =>
  [error?.field, error?.message, error?.hint].every(isText);

/** The JSON object at a path. Throws Refusal. */
export const json = (path, signal) =>
  bodyAt(path, async (answer) => {
    const found = await answer.json();
    if (!isReadable(path, found)) throw unexpected();
    return found;
  }, signal);

/** The first bytes at a path, as an ArrayBuffer; all of them if the file has no more. Throws Refusal. */
export function firstBytes(path, bytes, wanted, signal) {
  const count = Math.min(wanted, bytes);
  const read = async (answer) => {
    const buffer = await answer.arrayBuffer();
    // A proxy may ignore the range and send the whole file.
    if (buffer.byteLength !== count && buffer.byteLength !== bytes) {
      const told = `the server sent ${buffer.byteLength} bytes of values, and ${count} were expected`;
      throw failure(told, "load the page again");
    }
    return buffer.slice(0, count);
  };
  return bodyAt(path, read, signal, count < bytes ? { Range: `bytes=0-${count - 1}` } : {});
}
