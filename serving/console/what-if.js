// What would change: after one more event, or with one more item. Nothing here is kept.

import { fill, h } from "./element.js";
import { userFinder } from "./finders.js";
import { note, panel, within } from "./panel.js";
import { remembered } from "./customer.js";
import { tryEvents } from "./try-events.js";
import { tryItem } from "./try-item.js";

/** The view for one user, or none yet. */
export function whatIf({ user, signal, go }) {
  const box = h("div", { class: "result" });
  const find = userFinder({ value: user, chosen: (id) => go("what-if", id) });
  if (user) within(box, () => show(box, user, signal));
  else fill(box, note("Choose a user first: whoever is chosen, nothing of what is tried here is kept, counted or logged."));
  const lead = h("p", { class: "lead" }, "What one more event, or one more item, would change. Only asked, never kept.");
  return [h("h1", {}, "What if"), lead, find, box];
}

async function show(box, user, signal) {
  const known = await remembered(user, signal);
  fill(box, h("div", { class: "stack" },
    panel("… the user does something", tryEvents({ known, signal })),
    panel("… the catalogue had an item", tryItem({ user, signal }))));
}
