// Boxes of the page: with a heading, a message, an error that says what to do.

import { fill, fresh, h } from "./element.js";

/** A section with a heading, named by it. */
export function panel(heading, ...children) {
  const id = fresh("panel");
  return h("section", { class: "panel", "aria-labelledby": id }, h("h2", { id }, heading), ...children);
}

/** What could not be done, in the service's own sentence, and a button to try again. */
export function trouble(error, again) {
  const button = again ? h("button", { type: "button", onclick: again }, "Try again") : null;
  return h("div", { class: "trouble", role: "alert" }, h("p", {}, error.message), button);
}

/** Something to know. */
export function note(...children) {
  return h("p", { class: "note" }, ...children);
}

/** Pairs of a name and what it is. */
export function facts(pairs) {
  const shown = pairs.filter((pair) => pair && pair[1] !== null && pair[1] !== undefined);
  return h("dl", { class: "facts" }, shown.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

/** A table with a caption, in a box that scrolls where it is wide; `numeric` are the columns of numbers. */
export function table(caption, columns, rows, numeric = []) {
  const kind = (n) => (numeric.includes(n) ? "number" : null);
  const head = h("tr", {}, columns.map((name, n) => h("th", { scope: "col", class: kind(n) }, name)));
  const cell = (value, n) => (n === 0 ? h("th", { scope: "row" }, value) : h("td", { class: kind(n) }, value));
  const body = rows.map((row) => h("tr", {}, row.map(cell)));
  const whole = h("table", {}, h("caption", {}, caption), h("thead", {}, head), h("tbody", {}, body));
  return h("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": caption }, whole);
}

/** Run work for a box: busy until it ends, and with what went wrong in the box where it fails, to be tried `again`. */
export async function within(box, work, again = true) {
  box.setAttribute("aria-busy", "true");
  try {
    await work();
  } catch (error) {
    if (error.name === "AbortError") return;
    if (!(error.status >= 0)) console.error(error);
    fill(box, trouble(error, again ? () => within(box, work) : null));
    if (error.status === 401) document.dispatchEvent(new CustomEvent("recsys:unknown", { detail: error.message }));
  } finally {
    box.removeAttribute("aria-busy");
  }
}

/** Ask before something is changed; whether the answer is yes. */
export function sure(heading, text, yes) {
  const dialog = document.getElementById("sure-dialog");
  document.getElementById("sure-title").textContent = heading;
  document.getElementById("sure-text").textContent = text;
  document.getElementById("sure-yes").textContent = yes;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
