// What a user did, the last first.

import { h } from "./element.js";
import { day, minute, number } from "./format.js";
import { title } from "./titles.js";

/** The list of a user's events; `show(id)` of what is returned points at the last one of an item. */
export function history(events) {
  const rows = events.map((event) => h("li", { tabindex: "-1", "data-item": event.item_id },
    h("time", { datetime: event.timestamp, title: minute(event.timestamp) }, day(event.timestamp)),
    h("span", { class: `role ${event.event}` }, event.event),
    h("span", { class: "what" }, title(event.item_id),
      h("span", { class: "more" }, h("code", { class: "id" }, event.item_id))),
    event.value === null || event.value === undefined
      ? h("span") : h("span", { class: "number" }, number(event.value, 2))));
  const element = h("ol", { class: "history", "aria-label": "History, the last event first" }, rows);
  return { element, show: (id) => point(element, id) };
}

function point(element, id) {
  for (const marked of element.querySelectorAll(".marked")) marked.classList.remove("marked");
  const rows = [...element.children].filter((row) => row.dataset.item === id);
  for (const row of rows) row.classList.add("marked");
  rows[0]?.scrollIntoView({ block: "center" });
  rows[0]?.focus({ preventScroll: true });
}
