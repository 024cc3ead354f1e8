/** Shows the description of the routes, openapi.json. */

const EXAMPLES = {
  "/v1/classify": "curl -F image=@cat.jpg {url}",
  "/v1/embed": "curl --data-binary @cat.jpg {url}",
};

const description = await (await fetch("openapi.json")).json();
document.querySelector("#about").textContent = description.info.description;
for (const [path, methods] of Object.entries(description.paths)) {
  for (const [method, operation] of Object.entries(methods)) {
    document.querySelector("#routes").append(section(path, method, operation));
  }
}

/** One route: what it does, its parameters, its answers and an example. */
function section(path, method, operation) {
  const example = EXAMPLES[path] ?? "curl {url}";
  const url = new URL(path.slice(1), new URL("./", location.href)).href;
  return element(
    "section",
    { className: "route" },
    element("h2", {}, element("code", {}, `${method.toUpperCase()} ${path}`)),
    element("p", {}, `${operation.summary}.`),
    list("Parameters", (operation.parameters ?? []).map(resolved).map(parameter)),
    list("Body", Object.keys(resolved(operation.requestBody ?? {}).content ?? {}).map((one) => [one, ""])),
    list("Answers", Object.entries(operation.responses).map(answer)),
    element("pre", { tabIndex: 0 }, element("code", {}, example.replace("{url}", decodeURI(url)))),
  );
}

/** What `{"$ref": "#/…"}` stands for. */
function resolved(part) {
  if (!part.$ref) return part;
  return part.$ref.split("/").slice(1).reduce((found, key) => found[key], description);
}

function parameter({ name, description: text, schema }) {
  const fallback = schema.default === undefined ? "" : ` Default: ${schema.default}.`;
  return [name, `${text ?? ""}${fallback}`];
}

function answer([status, response]) {
  return [status, resolved(response).description];
}

/** A table of words and what they mean, or nothing. */
function list(title, rows) {
  if (!rows.length) return "";
  const body = rows.map(([word, text]) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, element("code", {}, word)),
      element("td", {}, text),
    ),
  );
  return element("table", {}, element("caption", {}, title), element("tbody", {}, ...body));
}

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}
