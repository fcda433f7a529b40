// The explorer of the OpenAPI document. It sends requests to this server only.

window.explorer = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#explorer",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: -1,
  filter: true,
  tryItOutEnabled: false,
  validatorUrl: null,
});
