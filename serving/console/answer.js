// What is told of a list as a whole.

import { h } from "./element.js";
import { minute, short } from "./format.js";
import { facts } from "./panel.js";

const DEGRADED = {
  state: "what was posted cannot be read: the bundle's knowledge is used",
  ranker: "the ranker fails: items stand by their places in the sources",
  encoder: "the encoder fails: no text speaks",
  behaviour: "behaviour cannot be used: only what is popular is left",
  deadline: "there was no time to score all candidates",
  arms: "other arms could not be asked",
  log: "the answer is in no log",
};

/** Arm, policy, bundle and instant of an answer, and what it had to do without. */
export function about(answer) {
  const degraded = answer.degraded.map((name) => h("li", {}, h("strong", {}, name), `: ${DEGRADED[name] ?? "in parts"}`));
  return h("div", { class: "about" },
    facts([
      ["As of", minute(answer.as_of)],
      ["Arm", answer.arm],
      ["Policy", answer.policy],
      ["Bundle", h("code", { title: answer.bundle }, short(answer.bundle))],
    ]),
    degraded.length ? h("div", { class: "warning" }, h("p", {}, "This list had to do without something:"),
      h("ul", {}, degraded)) : null,
    answer.unknown_items.length
      ? h("p", { class: "note" }, `Not in the catalogue: ${answer.unknown_items.join(", ")}.`) : null);
}
