// Requests to the service, and its refusals (RFC 9457).

/** A refusal with its errors, each with a field, a message and a hint. */
export class Refusal extends Error {
  constructor(status, errors) {
    super(errors.map(({ message }) => message).join("; "));
    this.status = status;
    this.errors = errors;
  }
}

/** Seconds that an answer may take, its body included. */
const MOST_SECONDS = 60;
/** Seconds that the page waits in all for a server that is busy or not ready. */
const MOST_WAIT = 60;

/** A refusal that no field is the reason of. */
const failure = (message, hint, status = 0) => new Refusal(status, [{ field: "", message, hint }]);

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
    await new Promise((resolve) => setTimeout(resolve, 1000 * wait));
    signal.throwIfAborted();
  }
}

/** An answer with what `read` makes of its body. The body of a refusal is a text. */
async function asked(path, read, signal, headers) {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), 1000 * MOST_SECONDS);
  let answer = null;
  try {
    answer = await fetch(path, { signal: AbortSignal.any([signal, late.signal]), headers });
    return { answer, body: await (answer.ok ? read(answer) : answer.text()) };
  } catch (error) {
    signal.throwIfAborted();
    throw failureOf(error, answer, late.signal.aborted);
  } finally {
    clearTimeout(timer);
  }
}

function failureOf(error, answer, late) {
  if (error instanceof Refusal) return error;
  if (late) return failure(`the server did not answer within ${MOST_SECONDS} seconds`, "try again, or ask for a smaller tensor");
  if (answer === null) return failure("the server does not answer", "start it, or check the connection");
  if (error instanceof SyntaxError) return unexpected();
  return failure("the connection was cut before the answer was complete", "change a field, or load the page again");
}

const unexpected = () => failure("the server's answer cannot be read", "load the page again: server and page may be of different releases");

/** The errors of a refusal. Proxies refuse with bodies of their own, which have none. */
function errorsOf(status, body) {
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
  [error?.field, error?.message, error?.hint].every((text) => typeof text === "string");

/** The JSON object at a path. Throws Refusal. */
export const json = (path, signal) =>
  bodyAt(path, async (answer) => {
    const found = await answer.json();
    if (found === null || typeof found !== "object") throw unexpected();
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
