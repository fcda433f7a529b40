// The explorer of the OpenAPI document. It sends requests to this server only.

try {
  show(await documentOf("/openapi.json"));
} catch (error) {
  const note = `The explorer could not be loaded (${error.message}). Load the page again, or read the plain page.`;
  document.getElementById("explorer").replaceChildren(note);
}

async function documentOf(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path} has status ${answer.status}`);
  return inFewerWords(await answer.json());
}

/** The document as people read it. The file itself stays as it is.
 *
 * Each path with GET has HEAD too, which the head of the page says once. Swagger UI fills each
 * example into the request, and no tensor has all fields at once: so the examples of what may be left
 * out become a part of the descriptions. */
function inFewerWords(spec) {
  for (const path of Object.values(spec.paths)) if ("get" in path) delete path.head;
  const lists = Object.values(spec.paths).flatMap((path) => Object.values(path).map(({ parameters }) => parameters ?? []));
  for (const parameter of [...Object.values(spec.components.parameters), ...lists.flat()]) {
    if (parameter.example === undefined || parameter.required) continue;
    parameter.description = `${parameter.description ?? ""} Example: \`${parameter.example}\``.trim();
    delete parameter.example;
  }
  return spec;
}

/** Name each control after its parameter, and let the keyboard scroll what is wider than its place. */
function makeReachable(page) {
  for (const row of page.querySelectorAll("tr[data-param-name]")) {
    for (const control of row.querySelectorAll("select, input, textarea")) {
      control.setAttribute("aria-label", row.dataset.paramName);
    }
  }
  for (const control of page.querySelectorAll(".content-type, .response-control-media-type select")) {
    control.setAttribute("aria-label", "media type");
  }
  for (const code of page.querySelectorAll("pre.microlight, .opblock-body")) code.tabIndex = 0;
}

function show(spec) {
  const page = document.getElementById("explorer");
  new MutationObserver(() => makeReachable(page)).observe(page, { childList: true, subtree: true });
  SwaggerUIBundle({
    spec,
    dom_id: "#explorer",
    // It would put a link into each button, which keyboards and screen readers cannot tell apart.
    deepLinking: false,
    docExpansion: "list",
    defaultModelsExpandDepth: -1,
    filter: true,
    // The default colours of numbers are too dark for their ground.
    syntaxHighlight: { theme: "obsidian" },
    validatorUrl: null,
  });
}
