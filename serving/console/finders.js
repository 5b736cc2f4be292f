// What is looked for: users and items.

import { get } from "./api.js";
import { finder } from "./finder.js";
import { remember } from "./titles.js";

/** A field that finds users by the start of their id; without the right to look, whole ids are typed. */
export function userFinder({ value, chosen }) {
  const look = async (prefix) => {
    try {
      const found = await get("v1/users", { prefix, limit: 12 });
      return found.users.map((id) => ({ value: id, label: id }));
    } catch (error) {
      if (error.status !== 403) throw error;
      throw new Error("Looking for users needs a key whose role is admin; type the whole id and press Enter.");
    }
  };
  return finder({ label: "User", look, chosen, value, placeholder: "Start of an id" });
}

/** A field that finds items by words of their title or id. */
export function itemFinder({ label, chosen }) {
  const look = async (q) => {
    const found = await get("v1/items", { q, limit: 12 });
    remember(found.items);
    return found.items.map((each) => ({ value: each.item_id, label: each.title || each.item_id, note: each.item_id }));
  };
  return finder({ label, look, chosen, free: false, placeholder: "Words of a title" });
}
