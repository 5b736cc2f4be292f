// Why an item stands where it does: sentences, the item of the history, the sources, each feature's part.

import { h } from "./element.js";
import { number, percent, signed } from "./format.js";
import { note } from "./panel.js";

const SHOWN = 10;

const SOURCES = {
  cosine: "taken together with your items", cosine_fresh: "taken together with them of late",
  basket: "goes with the last basket", disliked: "near what was turned down", near: "met next to the last items",
  peers: "people with a history like this", ease: "goes with all that was taken",
  ease_recent: "goes with what was taken lately", ease_fresh: "goes these days with it", als: "suits the taste",
  popular: "most taken of late", own: "had before", text_neighbours: "reads like items of the history",
  lexical: "shares words with them", text: "reads like the taste",
};

/** What is told of a place; `show` is called with the id of the item of the history, to point at it. */
export function why(place, show) {
  const told = place.explanation;
  return h("div", { class: "why" },
    told ? reasons(told) : null,
    told ? because(told, show) : null,
    sources(place),
    place.rules ? note(`Moved by rules of the shop: ${place.rules.join(", ")}.`) : null,
    told ? contributions(told) : note("Without an explanation."));
}

function reasons(told) {
  if (!told.reasons.length) return note("Nothing speaks for it more than against it.");
  return h("ul", { class: "reasons", "aria-label": "Reasons" }, told.reasons.map((reason) =>
    h("li", {}, h("span", {}, reason.text),
      h("span", { class: "share" },
        h("span", { class: "bar", vars: { size: reason.share }, "aria-hidden": "true" }),
        h("span", { class: "figure" }, percent(reason.share))))));
}

function because(told, show) {
  if (!told.because) return null;
  const { item_id: id, title } = told.because;
  const name = title || id;
  const button = show
    ? h("button", { type: "button", class: "link", onclick: () => show(id) }, `${name}, show it in the history`)
    : h("strong", {}, name);
  return h("p", {}, "Of the history, this stands for it most: ", button);
}

function sources(place) {
  if (!place.sources.length) return note("No source proposed it: it was named.");
  const tags = place.sources.map((name) => h("li", { class: "tag", title: SOURCES[name] ?? name }, h("code", {}, name),
    SOURCES[name] ? h("span", {}, SOURCES[name]) : null));
  return h("div", {}, h("h4", {}, "Proposed by"), h("ul", { class: "tags" }, tags));
}

/** A table of the features that count most, as bars to the right (for it) and left (against it). */
function contributions(told) {
  const parts = Object.entries(told.contributions).sort(([, one], [, other]) => Math.abs(other) - Math.abs(one));
  const shown = parts.slice(0, SHOWN).filter(([, value]) => value !== 0);
  const rest = parts.slice(SHOWN).reduce((sum, [, value]) => sum + value, 0);
  const largest = Math.max(1e-12, ...parts.map(([, value]) => Math.abs(value)));
  const total = told.base + parts.reduce((sum, [, value]) => sum + value, 0);
  const others = parts.length - shown.length;
  const rows = shown.map(([name, value]) => row(h("code", {}, name), value, largest));
  if (others > 0) rows.push(row(`${others} others`, rest, largest));
  return h("table", { class: "parts" },
    h("caption", {}, "What each feature added"),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Feature"), h("th", { scope: "col" }, "against | for"),
      h("th", { scope: "col", class: "number" }, "Part"))),
    h("tbody", {}, rows),
    h("tfoot", {},
      foot("Before any feature", number(told.base)),
      foot("Raw score, the sum", number(total))));
}

function row(name, value, largest) {
  const side = value < 0 ? "against" : "for";
  const bar = h("span", { class: `part ${side}`, vars: { size: Math.min(1, Math.abs(value) / largest) } });
  return h("tr", {}, h("th", { scope: "row" }, name), h("td", { class: "axis", "aria-hidden": "true" }, bar),
    h("td", { class: "number" }, signed(value)));
}

function foot(name, value) {
  return h("tr", {}, h("th", { scope: "row", colspan: "2" }, name), h("td", { class: "number" }, value));
}
