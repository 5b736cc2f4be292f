// Policies and arms beside what they are compared with: a sentence, an interval, or why there is none.

import { h } from "./element.js";
import { count, number, percent, short, signed } from "./format.js";
import { interval, scale } from "./interval.js";
import { facts, note, table } from "./panel.js";

const LEAST = 0.001;

/** Why there is no estimate, and what would cure it. */
export function refusals(refused) {
  return h("ul", { class: "refusals", "aria-label": "Refused" }, refused.map((each) =>
    h("li", {}, h("strong", {}, each.because), " ", h("span", {}, each.cure))));
}

/** ab.json: policies judged by the log of another. */
export function judgement(found) {
  const names = Object.keys(found.policies);
  const shown = scale(names.map((name) => found.policies[name].against?.relative));
  return h("div", {},
    facts([["Answers", count(found.card.answers)], ["Users", count(found.card.users)],
      ["A list of the log earned", figures(found.logged, 3)], ["Compared with", found.base]]),
    h("div", { class: "verdicts" }, names.map((name) => policy(name, found.policies[name], found.base, shown))));
}

function policy(name, judged, base, shown) {
  if (judged.headline === null) return verdict(name, "cannot be answered", null, refusals(reasons(judged)));
  const estimate = judged.estimates[judged.headline];
  const earned = note(`A list earns ${figures(estimate, 3)}, by ${judged.headline}.`);
  if (!judged.against) return verdict(name, `What the others are compared with${name === base ? "" : ": " + base}.`, null, earned);
  const { relative, verdict: told, adjusted } = judged.against;
  return verdict(name, told.sentence, line(relative, shown),
    h("div", {}, earned, adjusted === null ? null : note(`${chance(adjusted)}, Holm's over the policies.`)), told.direction);
}

/** Refused is a policy, or each way to weigh the log for it; each reason once, as it was first given. */
function reasons(judged) {
  const every = [...judged.refused, ...Object.values(judged.support).flatMap((each) => each.refused)];
  return every.filter((each, n) => every.findIndex((other) => other.name === each.name) === n);
}

/** experiment.json: the arms beside the control. */
export function readout(found) {
  const shown = scale(found.contrasts.map((each) => each.gap.relative));
  const arms = found.arms.map((arm) => [arm.name, count(arm.users), count(arm.answers),
    arm.by_user ? figures(arm.by_user, 3) : "not known yet"]);
  const guards = found.guardrails.map((each) => h("li", { class: each.judgement === "broken" ? "bad" : null },
    `${each.arm}: ${each.what} ${each.judgement} (${number(each.value)} against ${number(each.control)})`));
  return h("div", {},
    note(`Compared with ${found.control.arm}: ${found.control.why}.`),
    table("What users of each arm earned", ["Arm", "Users", "Lists", "A user earned"], arms, [1, 2, 3]),
    found.refused.length ? refusals(found.refused) : null,
    h("div", { class: "verdicts" }, found.contrasts.map((each) => verdict(each.arm, each.gap.verdict.sentence,
      each.gap.relative ? line(each.gap.relative, shown) : null,
      each.holm === null ? null : note(`${chance(each.holm)}, Holm's over the arms.`), each.gap.verdict.direction))),
    guards.length ? h("div", {}, h("h3", {}, "Guardrails"), h("ul", {}, guards)) : null);
}

/** interleaved.json: which of two bundles users prefer. */
export function contests(found) {
  const shown = scale(found.map((each) => each.preference?.outcome));
  return h("div", { class: "verdicts" }, found.map((each) => {
    const name = `${each.arm}: ${short(each.first)} or ${short(each.second)}`;
    if (!each.preference) return verdict(name, "cannot be answered", null, refusals(each.refused));
    const { outcome } = each.preference;
    return verdict(name, `${count(each.answers)} lists of ${count(each.users)} users.`,
      h("div", { class: "line" }, interval(outcome, shown), h("span", { class: "figure" }, figures(outcome, 3, signed))),
      note("Above 0 the first is preferred."));
  }));
}

function verdict(name, sentence, drawn, more, direction = "unclear") {
  return h("article", { class: `verdict ${direction}` }, h("h3", {}, name), h("p", {}, sentence), drawn, more);
}

function line(relative, shown) {
  return h("div", { class: "line" }, interval(relative, shown),
    h("span", { class: "figure" }, figures(relative, 1, (value, digits) => (value > 0 ? "+" : "") + percent(value, digits))));
}

function chance(p) {
  return p < LEAST ? `p < ${LEAST}` : `p = ${number(p, 3)}`;
}

function figures(estimate, digits, write = number) {
  const { mean, low, high } = estimate;
  if (low === null || high === null) return write(mean, digits);
  return `${write(mean, digits)} [${write(low, digits)}, ${write(high, digits)}]`;
}
