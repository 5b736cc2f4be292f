// How two lists differ.

import { h } from "./element.js";

/** item_id → rank. */
export function ranks(places) {
  return new Map(places.map((place) => [place.item_id, place.rank]));
}

/** What is said beside a place: how far it has moved since `before`, a map as `ranks` makes. */
export function moved(place, before) {
  const rank = before.get(place.item_id);
  if (rank === undefined) return h("span", { class: "move new" }, "new");
  if (rank === place.rank) return h("span", { class: "move same" }, "=", h("span", { class: "hidden" }, " unmoved"));
  const up = rank > place.rank;
  return h("span", { class: `move ${up ? "up" : "down"}` },
    h("span", { "aria-hidden": "true" }, up ? "▲" : "▼"),
    h("span", { class: "hidden" }, up ? "up " : "down "), Math.abs(rank - place.rank));
}

/** What is said beside a place of the other list's rank of it. */
export function elsewhere(place, other) {
  const rank = other.get(place.item_id);
  return rank === undefined
    ? h("span", { class: "move new" }, "only here")
    : h("span", { class: "move same" }, h("span", { "aria-hidden": "true" }, "↔ "),
      h("span", { class: "hidden" }, "in the other list at "), rank);
}

/** How many items two lists share. */
export function shared(one, other) {
  const there = ranks(other);
  return one.filter((place) => there.has(place.item_id)).length;
}
