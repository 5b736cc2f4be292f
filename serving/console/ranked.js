// A list, best first: what an answer of the service holds.

import { h } from "./element.js";
import { number, percent } from "./format.js";
import { item, title } from "./titles.js";
import { why } from "./why.js";

/**
 * A list of places.
 *
 * name: what the list is.
 * show: as for `why`; null where there is no history beside it.
 * told: place → what is said beside it, such as a move, or null.
 * marked: id of an item to mark.
 */
export function ranked(places, { name, show = null, told = () => null, marked = null }) {
  if (!places.length) return h("p", { class: "note" }, "The list is empty: nothing is allowed, or nothing proposed.");
  const rows = places.map((place) => h("li", { class: place.item_id === marked ? "marked" : null },
    h("span", { class: "rank", "aria-hidden": "true" }, place.rank),
    what(place),
    h("span", { class: "beside" }, told(place)),
    measure(place),
    h("details", {}, h("summary", {}, "Why", h("span", { class: "hidden" }, ` ${place.title ?? title(place.item_id)}`)),
      h("div", { class: "later" }))));
  rows.forEach((row, n) => opens(row.querySelector("details"), places[n], show));
  return h("div", { class: "listing" }, head(), h("ol", { class: "ranked", "aria-label": name }, rows));
}

function opens(details, place, show) {
  details.addEventListener("toggle", () => {
    const box = details.lastElementChild;
    if (details.open && !box.childElementCount) box.append(why(place, show));
  });
}

function what(place) {
  const known = item(place.item_id);
  const more = [known.category, known.brand, known.price === undefined ? null : number(known.price, 2)].filter(Boolean);
  return h("span", { class: "what" }, place.title ?? title(place.item_id),
    h("span", { class: "more" }, h("code", { class: "id" }, place.item_id), more.map((each) => ` · ${each}`)));
}

function measure(place) {
  const chance = place.probability;
  return h("span", { class: "measure" },
    h("span", { class: "figure" }, label("score"), number(place.score, 2)),
    h("span", { class: "figure interest" }, label("interest"),
      h("span", { class: "bar", vars: { size: place.interest }, "aria-hidden": "true" }),
      h("span", { class: "hidden" }, percent(place.interest))),
    h("span", { class: "figure" }, chance === undefined ? null : [label("taken"), percent(chance, chance < 0.1 ? 1 : 0)]));
}

/** Says what a figure is where there is no room for a head above it. */
function label(name) {
  return h("span", { class: "label" }, `${name} `);
}

/** The head above the figures; a screen reader has the labels. */
function head() {
  const names = { score: "The ranker's; higher is better", interest: "From the text alone, 0 to 1", taken: "How likely" };
  return h("p", { class: "head", "aria-hidden": "true" }, h("span", { class: "measure" },
    Object.entries(names).map(([name, told]) => h("span", { class: "figure", title: told }, name))));
}
