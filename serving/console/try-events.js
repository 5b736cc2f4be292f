// The list before and after events that have not happened.

import { post } from "./api.js";
import { field, fill, h, say } from "./element.js";
import { itemFinder } from "./finders.js";
import { moved, ranks } from "./moves.js";
import { note, within } from "./panel.js";
import { ranked } from "./ranked.js";
import { learn, title } from "./titles.js";

const LONG = 10;
const ROLES = ["purchase", "cart", "click", "view", "like", "play", "share", "comment", "dislike", "return"];

/** Add events of the user to what is known, and see both lists; as a history in the request, so that nothing is kept. */
export function tryEvents({ known, signal }) {
  const box = h("div", { class: "result" });
  const chosen = h("ul", { class: "chosen", "aria-label": "Events to try" });
  const role = h("select", {}, ROLES.map((name) => h("option", { value: name }, name)));
  const events = [];
  const again = () => {
    fill(chosen, events.map((event) => shown(event, () => drop(event))));
    within(box, () => beforeAndAfter(box, known, events, signal));
  };
  const drop = (event) => {
    events.splice(events.indexOf(event), 1);
    again();
  };
  const item = itemFinder({
    label: "with an item",
    chosen: (id) => {
      events.push({ item_id: id, event: role.value });
      again();
    },
  });
  again();
  return h("div", {}, h("div", { class: "row" }, field("They do", role), item), chosen, box);
}

function shown(event, drop) {
  const name = `${event.event} of ${title(event.item_id)}`;
  return h("li", {}, name, " ", h("button", { type: "button", class: "quiet", onclick: drop, "aria-label": `Without ${name}` },
    "Remove"));
}

async function beforeAndAfter(box, known, events, signal) {
  const past = known.latest.toReversed().map(({ item_id, event, timestamp, value }) => ({ item_id, event, timestamp, value }));
  const ask = (history) => post("v1/preview", { history, k: LONG, explain: true, arm: "default" }, { signal });
  const [before, after] = await Promise.all([ask(past), events.length ? ask([...past, ...events]) : null]);
  await learn([before, after].flatMap((each) => each?.items.map((place) => place.item_id) ?? []), { signal });
  const was = ranks(before.items);
  if (after) say(`${after.items.filter((place) => was.get(place.item_id) !== place.rank).length} of ${after.items.length} places change.`);
  const cut = known.events > known.latest.length ? ` The last ${known.latest.length} events stand for the whole history.` : "";
  fill(box,
    note(events.length
      ? `Both lists are of the same history, with and without what is tried, by the bundle in use.${cut}`
      : `Nothing is tried yet.${cut}`),
    h("div", { class: "side-by-side even" },
      h("div", {}, h("h3", {}, "Before"), ranked(before.items, { name: "List before" })),
      h("div", {}, h("h3", {}, "After"), after
        ? ranked(after.items, { name: "List after", told: (place) => moved(place, was) })
        : note("Choose an item: the list after it will stand here."))));
}
