// The page: which view is shown, by the address; the key; whether the service is there.

import { get } from "./api.js";
import { compare } from "./compare.js";
import { customer } from "./customer.js";
import { fill, h } from "./element.js";
import { experiment } from "./experiment.js";
import { short } from "./format.js";
import { askForKey, tellKey } from "./key.js";
import { service } from "./service.js";
import { forgetTitles } from "./titles.js";
import { whatIf } from "./what-if.js";

const VIEWS = { customer, "what-if": whatIf, compare, experiment, service };
const OF_A_USER = ["customer", "what-if", "compare"];
const EVERY_MS = 15000;

let shown = new AbortController();
let first = true;

function go(view, user) {
  const hash = address(view, user);
  if (location.hash === hash) show();
  else location.hash = hash;
}

function address(view, user) {
  return user ? `#/${view}/${encodeURIComponent(user)}` : `#/${view}`;
}

function place() {
  const [, view = "", user = ""] = /^#\/([^/]*)(?:\/(.*))?$/.exec(location.hash) ?? [];
  return { view: Object.hasOwn(VIEWS, view) ? view : "customer", user: named(user) };
}

function named(user) {
  try {
    return decodeURIComponent(user);
  } catch {
    return user;
  }
}

function show() {
  const { view, user } = place();
  shown.abort();
  shown = new AbortController();
  const main = document.getElementById("view");
  fill(main, VIEWS[view]({ user, signal: shown.signal, go }));
  for (const link of document.querySelectorAll("#nav a")) {
    if (link.dataset.view === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    if (OF_A_USER.includes(view)) link.hash = address(link.dataset.view, OF_A_USER.includes(link.dataset.view) ? user : "");
  }
  document.title = `${main.querySelector("h1").textContent}${user ? ` ${user}` : ""} · recsys console`;
  if (!first) main.focus();
  first = false;
}

async function tellState() {
  const state = document.getElementById("state");
  const ready = await get("health/ready").catch(() => null);
  const said = ready ? ["Ready", h("span", { class: "more" }, `, bundle ${short(ready.bundle)}`)] : ["No answer"];
  const text = said.map((each) => each.textContent ?? each).join("");
  if (state.textContent !== text) fill(state, said);
  state.className = ready ? "good" : "bad";
}

async function enter(why) {
  if (!(await askForKey(why))) return;
  forgetTitles();
  show();
}

tellKey();
document.getElementById("key-button").addEventListener("click", () => enter());
document.addEventListener("recsys:unknown", (event) => enter(event.detail));
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address says which view is shown
  document.getElementById("view").focus();
});
addEventListener("hashchange", show);
show();
tellState();
setInterval(() => {
  if (!document.hidden) tellState();
}, EVERY_MS);
