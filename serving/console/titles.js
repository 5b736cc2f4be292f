// What the items of lists are called: asked for once, in few requests.

import { get } from "./api.js";

const known = new Map();
const MOST = 100;
const LONGEST = 6000;

/** Learn of items by their ids; what is none of the catalogue is remembered as such. */
export async function learn(ids, { signal } = {}) {
  const missing = [...new Set(ids)].filter((id) => !known.has(id));
  await Promise.all(batches(missing).map((batch) => learnBatch(batch, signal)));
}

/** An item as the catalogue has it; with nothing but its id where that is unknown. */
export function item(id) {
  return known.get(id) ?? { item_id: id };
}

/** What an item is called. */
export function title(id) {
  return item(id).title || id;
}

/** Remember items that came in another answer. */
export function remember(items) {
  for (const each of items) known.set(each.item_id, each);
}

/** Forget all: the catalogue may have changed. */
export function forgetTitles() {
  known.clear();
}

async function learnBatch(batch, signal) {
  const found = await get("v1/items", { item_id: batch, limit: MOST }, { signal });
  for (const id of batch) known.set(id, { item_id: id });
  remember(found.items);
}

function batches(ids) {
  const found = [];
  let size = Infinity;
  for (const id of ids) {
    const length = encodeURIComponent(id).length + 9;
    if (size + length > LONGEST || found.at(-1).length >= MOST) {
      found.push([]);
      size = 0;
    }
    found.at(-1).push(id);
    size += length;
  }
  return found;
}
