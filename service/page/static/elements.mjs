// Elements of the document, made with text alone: no string is ever read as HTML.

/** An element with properties and children; a child is an element or a text. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** The element of the page with this id. */
export const byId = (id) => document.getElementById(id);

/** Replace what an element holds. */
export function fill(id, ...children) {
  byId(id).replaceChildren(...children.filter((child) => child !== null));
}

/** Show or hide an element. */
export function show(id, shown) {
  byId(id).hidden = !shown;
}

/** Give a drawing of Plot a text for those who do not see it; its parts are then not read out. */
export function described(drawing, text) {
  for (const part of drawing.querySelectorAll("[aria-label]")) part.removeAttribute("aria-label");
  drawing.setAttribute("role", "img");
  drawing.setAttribute("aria-label", text);
  return drawing;
}

/** Whether the scripts that draw have been loaded. */
export const canDraw = () => typeof globalThis.Plot?.plot === "function";

/** What stands in place of a picture without them. */
export const NO_PICTURE = "There is no picture, because a script of this page has not been loaded. Load the page again.";

/** A number with at most six significant digits, or a dash where there is none. */
export function shortest(number) {
  if (number === null || number === undefined) return "–";
  return Number.isFinite(number) ? String(Number(number.toPrecision(6))) : String(number);
}

/** A whole number with commas. */
export const counted = (number) => number.toLocaleString("en-US");

/** A table's rows: the first one is its head, and the first cell of each row is a head too. */
export function fillTable(id, head, rows) {
  const cells = (row, tag) =>
    row.map((cell, index) => {
      if (cell instanceof HTMLElement && cell.matches("td, th")) return cell;
      const scope = tag === "th" ? "col" : index === 0 ? "row" : null;
      const made = element(scope === null ? "td" : "th", scope === null ? {} : { scope });
      made.append(cell);
      return made;
    });
  const caption = byId(id).querySelector("caption");
  fill(
    id,
    caption,
    element("thead", {}, element("tr", {}, ...cells(head, "th"))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...cells(row, "td")))),
  );
}
