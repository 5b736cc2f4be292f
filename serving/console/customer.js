// A user: what they did and what they get, side by side, and why.

import { get, part, post } from "./api.js";
import { about } from "./answer.js";
import { fill, h, say } from "./element.js";
import { userFinder } from "./finders.js";
import { plural } from "./format.js";
import { history } from "./history.js";
import { note, panel, within } from "./panel.js";
import { ranked } from "./ranked.js";
import { learn } from "./titles.js";

const LONG = 20;

/** The view of one user, or of none yet. */
export function customer({ user, signal, go }) {
  const box = h("div", { class: "result" });
  const find = userFinder({ value: user, chosen: (id) => go("customer", id) });
  if (user) within(box, () => show(box, user, signal));
  else fill(box, note("Type the start of a user's id, or choose one of the list. An id that nobody has gets a newcomer's list."));
  return [h("h1", {}, "Customer"), h("p", { class: "lead" }, "What they did, what they would get now, and why."), find, box];
}

/** What is remembered of a user; without events for somebody whom nobody knows. */
export async function remembered(user, signal) {
  try {
    return await get(`v1/users/${part(user)}`, {}, { signal });
  } catch (error) {
    if (error.status === 404) return { user_id: user, events: 0, latest: [] };
    throw error;
  }
}

async function show(box, user, signal) {
  const [known, answer] = await Promise.all([
    remembered(user, signal),
    post("v1/preview", { user_id: user, k: LONG, explain: true }, { signal }),
  ]);
  const ids = [...known.latest.map((event) => event.item_id), ...answer.items.map((place) => place.item_id)];
  await learn(ids, { signal });
  const past = history(known.latest);
  const told = known.events > known.latest.length ? `, the last ${known.latest.length} of them here` : "";
  say(`${plural(known.events, "event")} and a list of ${plural(answer.items.length, "item")} for ${user}.`);
  fill(box, h("div", { class: "side-by-side" },
    panel("History",
      known.events ? note(`${plural(known.events, "event")}${told}.`) : note("Nothing is known of this user: a newcomer."),
      known.events ? h("div", { class: "window", tabindex: "0", role: "region", "aria-label": "Events" }, past.element) : null),
    panel("List",
      about(answer),
      ranked(answer.items, { name: "List, best first", show: past.show }))));
}
