// Whether the service is well: what it serves, how long it takes, how far its users have moved from the release.

import { get, post } from "./api.js";
import { fill, field, h } from "./element.js";
import { count, day, duration, minute, number, short } from "./format.js";
import { histograms, labelled, parse, quantile, single } from "./metrics.js";
import { facts, note, panel, sure, table, within } from "./panel.js";

const EVERY_MS = 5000;
const LITTLE = 0.1;
const MUCH = 0.25;
const LEAST_LISTS = 200;
const MEBIBYTE = 2 ** 20;
const OWN = ["/", "/console/{name}"];
const SHOWN = 12;

/** The view; it asks again every few seconds while the box is ticked. */
export function service({ signal }) {
  const box = h("div", { class: "result" });
  const fresh = h("input", { type: "checkbox", id: "fresh" });
  const again = () => within(box, () => show(box, signal, again));
  again();
  const timer = setInterval(() => {
    if (fresh.checked && !document.hidden) again();
  }, EVERY_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  return [h("h1", {}, "Service"), h("p", { class: "lead" }, "What this process has counted since it started."),
    h("p", { class: "actions" }, h("button", { type: "button", onclick: again }, "Refresh"),
      h("label", { for: "fresh", class: "check" }, fresh, " every 5 s")), box];
}

async function show(box, signal, again) {
  const [ready, bundle, { bundles }, text] = await Promise.all([
    get("health/ready", {}, { signal }).catch((error) => ({ status: error.message })),
    get("v1/bundle", {}, { signal }), get("v1/bundles", {}, { signal }), get("metrics", {}, { signal }),
  ]);
  const samples = parse(text);
  fill(box, h("div", { class: "stack" },
    panel("Health", health(ready, bundle, samples), without(samples)),
    panel("Latency", latency(samples), stages(samples)),
    panel("Drift", drift(samples)),
    panel("Bundles", swap(bundles, again))));
}

function health(ready, bundle, samples) {
  const memory = single(samples, "process_resident_memory_bytes");
  const events = labelled(samples, "recsys_events_total", "outcome");
  return facts([
    ["Status", h("strong", { class: ready.status === "ready" ? "good" : "bad" }, ready.status)],
    ["Bundle", h("code", { title: bundle.bundle }, short(bundle.bundle))],
    ["Log ends", minute(bundle.end)],
    ["Age of the log", duration(single(samples, "recsys_bundle_age_seconds") ?? NaN)],
    ["Users", count(bundle.users)],
    ["Items", count(bundle.items)],
    ["Waiting", single(samples, "recsys_queue_length")],
    ["Events posted", count(events.get("new") ?? 0)],
    ["Memory", memory === null ? null : `${count(Math.round(memory / MEBIBYTE))} MiB`],
    ["Open files", single(samples, "process_open_fds")],
  ]);
}

function without(samples) {
  const found = [...labelled(samples, "recsys_degraded_total", "reason")].filter(([, value]) => value > 0);
  if (!found.length) return note("No list had to do without anything.");
  return h("div", { class: "warning" }, h("p", {}, "Lists that had to do without something:"),
    h("ul", {}, found.map(([name, value]) => h("li", {}, h("strong", {}, name), `: ${count(value)}`))));
}

function latency(samples) {
  const found = histograms(samples, "recsys_request_seconds", ["method", "route", "status"])
    .filter((each) => each.count && !OWN.includes(each.labels.route));
  if (!found.length) return note("No request has ended yet.");
  const rows = found.sort((one, other) => other.count - one.count).map((each) => [
    h("span", {}, `${each.labels.method} `, h("code", {}, each.labels.route)), each.labels.status, ...figures(each),
  ]);
  return table("Requests", ["Route", "Status", "Count", "p50", "p95", "p99"], rows, [2, 3, 4, 5]);
}

function stages(samples) {
  const found = histograms(samples, "recsys_stage_seconds", ["stage"]).filter((each) => each.count);
  if (!found.length) return null;
  const rows = found.map((each) => [each.labels.stage, ...figures(each)]);
  return table("Stages of a list", ["Stage", "Count", "p50", "p95", "p99"], rows, [1, 2, 3, 4]);
}

function figures(each) {
  return [count(each.count), ...[0.5, 0.95, 0.99].map((share) => duration(quantile(each, share)))];
}

function drift(samples) {
  const lists = single(samples, "recsys_drift_lists") ?? 0;
  const found = [...labelled(samples, "recsys_drift_psi", "column")].sort(([, one], [, other]) => other - one);
  const seen = note(`${count(lists)} lists were looked at once more; with fewer than ${LEAST_LISTS} nothing is said.`);
  if (!found.length) return h("div", {}, seen, note("A bundle without a reference, or a young process, tells of no drift."));
  const largest = Math.max(2 * MUCH, found[0][1]);
  const rows = found.map(([name, value]) => [h("code", {}, name), word(value),
    h("span", { class: `bar ${value >= MUCH ? "much" : ""}`, vars: { size: value / largest }, "aria-hidden": "true" }),
    number(value)]);
  const part = (caption, some) => table(caption, ["Column", "Moved", "", "PSI"], some, [3]);
  const others = rows.slice(SHOWN);
  return h("div", {}, seen, part("The columns that have moved most", rows.slice(0, SHOWN)),
    others.length ? h("details", {}, h("summary", {}, `${others.length} others, none above ${number(found[SHOWN][1])}`),
      part("The others", others)) : null);
}

function word(value) {
  if (value < LITTLE) return "little";
  return value < MUCH ? "some" : "much";
}

function swap(bundles, again) {
  const rows = bundles.map((each) => [h("code", { title: each.bundle }, short(each.bundle)), minute(each.published),
    each.current ? "in use" : each.loaded ? "loaded" : ""]);
  const others = bundles.filter((each) => !each.current);
  const all = table("Beside each other", ["Bundle", "Published", ""], rows);
  if (!others.length) return all;
  const choice = h("select", {}, others.map((each) => h("option", { value: each.bundle }, `${short(each.bundle)}, ${day(each.published)}`)));
  const told = h("div", {});
  const click = () => within(told, async () => {
    const text = "POST /v1/bundle: all who share this state serve it from the next request on. Going back is the same.";
    if (!(await sure(`Serve ${short(choice.value)}?`, text, "Serve it"))) return;
    await post("v1/bundle", { name: choice.value });
    again();
  }, false);
  return h("div", {}, all, h("div", { class: "row" }, field("Serve instead", choice),
    h("div", { class: "act" }, h("button", { type: "button", onclick: click }, "Serve it"))), told);
}
