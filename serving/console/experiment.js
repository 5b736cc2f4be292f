// The experiment that runs, its start and its end, and what one has shown.

import { get, put, remove } from "./api.js";
import { fill, h } from "./element.js";
import { number, percent, short } from "./format.js";
import { facts, note, panel, sure, table, within } from "./panel.js";
import { labelled, parse } from "./metrics.js";
import { plan } from "./plan.js";
import { reading } from "./readout.js";

/** The view. */
export function experiment({ signal }) {
  const box = h("div", { class: "result" });
  const again = () => within(box, () => show(box, signal, again));
  again();
  const lead = h("p", { class: "lead" }, "Who gets which arm, and what the log says of it: with intervals, or not at all.");
  return [h("h1", {}, "Experiment"), lead, box, panel("What it has shown", reading())];
}

async function show(box, signal, again) {
  const [{ experiment: running }, { bundles }, metrics] = await Promise.all([
    get("v1/experiment", {}, { signal }), get("v1/bundles", {}, { signal }), get("metrics", {}, { signal }),
  ]);
  fill(box, running ? now(running, parse(metrics), again) : panel("None runs", start(bundles, again)));
}

function now(running, samples, again) {
  const counts = labelled(samples, "recsys_answers_total", "arm");
  const rows = running.arms.map((arm) => [
    arm.name, percent(arm.share, 1), arm.bundle ? h("code", { title: arm.bundle }, short(arm.bundle)) : "in use",
    policy(arm), number(counts.get(arm.name) ?? 0, 0),
  ]);
  const ramp = running.ramp ? `from ${percent(running.ramp.first)}, ${running.ramp.start} to ${running.ramp.end}` : null;
  const told = h("div", {});
  const end = () => within(told, async () => {
    const text = "DELETE /v1/experiment: from the next request on the bundle in use answers everybody.";
    if (await sure(`End ${running.name}?`, text, "End it")) {
      await remove("v1/experiment");
      again();
    }
  }, false);
  return panel(`${running.name} runs`,
    facts([["Traffic", percent(running.traffic, 1)], ["Ramp", ramp], ["Holdout", percent(running.holdout, 1)], ["Seed", running.seed]]),
    table("Arms", ["Arm", "Share", "Bundle", "Policy", "Lists, this process"], rows, [1, 4]),
    h("p", { class: "actions" }, h("button", { type: "button", onclick: end }, "End it")), told);
}

function policy(arm) {
  if (arm.interleave) return `${arm.interleave.kind}, with ${arm.interleave.bundle ? short(arm.interleave.bundle) : "the one in use"}`;
  const { kind, epsilon, temperature } = arm.policy;
  if (kind === "epsilon_greedy") return `${kind}, ε ${epsilon}`;
  return kind === "plackett_luce" ? `${kind}, temperature ${temperature}` : kind;
}

function start(bundles, again) {
  const told = h("div", {});
  const begin = (asked) => within(told, async () => {
    const text = `PUT /v1/experiment: ${percent(asked.traffic)} of the users take part from the next request on.`;
    if (await sure(`Run ${asked.name}?`, text, "Run it")) {
      await put("v1/experiment", asked);
      again();
    }
  }, false);
  return h("div", {}, note("The bundle in use answers everybody."), plan(bundles, begin), told);
}
