// Where an item would land whose text is being written.

import { post } from "./api.js";
import { field, fill, h, say } from "./element.js";
import { count, number } from "./format.js";
import { note, within } from "./panel.js";
import { ranked } from "./ranked.js";
import { learn, title } from "./titles.js";

const LONG = 10;
const WAIT_MS = 400;

/** A form for an item; what it says is tried while it is written. */
export function tryItem({ user, signal }) {
  const box = h("div", { class: "result" }, note("Write a title: its place appears here."));
  const title = h("input", { type: "text", name: "title" });
  const description = h("textarea", { name: "description", rows: "2" });
  const category = h("input", { type: "text", name: "category" });
  const price = h("input", { type: "number", name: "price", min: "0", step: "0.01" });
  const turn = { last: new AbortController() };
  const look = () => {
    turn.last.abort();
    turn.last = new AbortController();
    const item = written({ title, description, category, price });
    if (!item.title) return;
    within(box, () => land(box, { user, item, signal: AbortSignal.any([signal, turn.last.signal]) }));
  };
  let timer;
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(look, WAIT_MS);
  };
  const now = (event) => {
    event.preventDefault();
    clearTimeout(timer);
    look();
  };
  return h("div", {}, h("form", { class: "draft", oninput: soon, onsubmit: now },
    field("Title", title), field("Category", category), field("Price", price),
    field("Description", description),
    h("p", { class: "actions" }, h("button", { type: "submit" }, "See where it lands"))), box);
}

function written({ title, description, category, price }) {
  const item = { title: title.value.trim() };
  if (description.value.trim()) item.description = description.value.trim();
  if (category.value.trim()) item.category = category.value.trim();
  if (price.value !== "") item.price = Number(price.value);
  return item;
}

async function land(box, { user, item, signal }) {
  const found = await post("v1/draft", { user_id: user, k: LONG, explain: true, item }, { signal });
  const { landing, answer } = found;
  const others = answer.items.map((place) => place.item_id).filter((id) => id !== landing.item_id);
  await learn([...others, ...landing.similar.map((each) => each.item_id)], { signal });
  const near = landing.similar.map((each) => h("li", {}, `${title(each.item_id)} `,
    h("span", { class: "note" }, number(each.score, 2))));
  const where = h("p", { class: "landing" }, place(landing));
  say(where.textContent);
  fill(box, where,
    h("p", { class: "note" }, `The encoder reads: “${landing.text}”`),
    landing.degraded.length ? note("The encoder fails: words and behaviour alone find it.") : null,
    h("div", { class: "side-by-side even" },
      h("div", {}, h("h3", {}, "List with it"),
        ranked(named(answer.items, landing, item), { name: "List with the item", marked: landing.item_id })),
      h("div", {}, h("h3", {}, "Reads like"), near.length ? h("ol", { class: "near" }, near) : note("Nothing reads like it."))));
}

/** The first places, and that of the item, wherever it is. */
function named(places, { item_id: id, place }, item) {
  const all = place && !places.some((each) => each.item_id === id) ? [...places, place] : places;
  return all.map((each) => (each.item_id === id ? { ...each, title: item.title } : each));
}

function place(landing) {
  if (!landing.place) return `No source proposes it: it is not among the ${count(landing.proposed)} ranked for this user.`;
  return h("span", {}, "It lands at place ", h("strong", {}, count(landing.place.rank)), ` of ${count(landing.proposed)}.`);
}
