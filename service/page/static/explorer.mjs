// The explorer of the OpenAPI document. It sends requests to this server only.

const answer = await fetch("/openapi.json");
const spec = await answer.json();

// Swagger UI fills each example into the request, and no tensor has all fields at once. So the
// examples of what may be left out become a part of the descriptions.
const lists = Object.values(spec.paths).flatMap((path) => Object.values(path).map(({ parameters }) => parameters ?? []));
for (const parameter of [...Object.values(spec.components.parameters), ...lists.flat()]) {
  if (parameter.example === undefined || parameter.required) continue;
  parameter.description = `${parameter.description ?? ""} Example: \`${parameter.example}\``.trim();
  delete parameter.example;
}

SwaggerUIBundle({
  spec,
  dom_id: "#explorer",
  // It would put a link into each button, which keyboards and screen readers cannot tell apart.
  deepLinking: false,
  docExpansion: "list",
  defaultModelsExpandDepth: -1,
  filter: true,
  validatorUrl: null,
});
