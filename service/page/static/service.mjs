// Requests to the service, and its refusals (RFC 9457).

/** A refusal with its errors, each with a field, a message and a hint. */
export class Refusal extends Error {
  constructor(status, errors) {
    super(errors.map(({ message }) => message).join("; "));
    this.status = status;
    this.errors = errors;
  }
}

const MOST_TRIES = 40;

/** The answer at a path. While the server is busy or not ready, ask again when it says so. */
async function answered(path, signal, headers = {}) {
  for (let tries = 1; ; tries += 1) {
    let answer;
    try {
      answer = await fetch(path, { signal, headers });
    } catch (error) {
      if (signal.aborted) throw error;
      throw new Refusal(0, [
        { field: "", message: "the server does not answer", hint: "start it, or check the connection" },
      ]);
    }
    if (answer.ok) return answer;
    const wait = Number(answer.headers.get("Retry-After"));
    if (answer.status !== 503 || wait === 0 || tries === MOST_TRIES) {
      throw new Refusal(answer.status, await errorsOf(answer));
    };
    await new Promise((resolve) => setTimeout(resolve, 1000 * wait));
    signal.throwIfAborted();
  }
}

async function errorsOf(answer) {
  try {
    return (await answer.json()).errors;
  } catch {
    const message = `the server answered with status ${answer.status}`;
    return [{ field: "", message, hint: "try again" }];
  }
}

/** The JSON at a path. Throws Refusal. */
export const json = async (path, signal) => (await answered(path, signal)).json();

/** The first bytes at a path, as an ArrayBuffer; all of them if the file has no more. */
export async function firstBytes(path, bytes, wanted, signal) {
  const headers = wanted < bytes ? { Range: `bytes=0-${wanted - 1}` } : {};
  return (await answered(path, signal, headers)).arrayBuffer();
}
