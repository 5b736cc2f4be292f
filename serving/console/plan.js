// A form for an experiment.

import { field, h } from "./element.js";
import { short } from "./format.js";

const POLICIES = { deterministic: null, epsilon_greedy: "epsilon", plackett_luce: "temperature" };
const MOST = 6;

/** The form; `begin` is called with the experiment as the API takes it. What is wrong with it the API says. */
export function plan(bundles, begin) {
  const name = h("input", { type: "text", required: true, pattern: "[A-Za-z0-9_.\\-]{1,64}", spellcheck: "false" });
  const traffic = share(100);
  const holdout = share(0);
  const arms = h("ol", { class: "arms", "aria-label": "Arms" });
  const add = (given) => {
    if (arms.children.length < MOST) arms.append(armForm(bundles, given, arms.children.length + 1));
  };
  add({ name: "control", share: 50 });
  add({ name: "candidate", share: 50 });
  const submit = (event) => {
    event.preventDefault();
    begin({
      name: name.value, traffic: part(traffic), holdout: part(holdout), arms: [...arms.children].map((each) => each.read()),
    });
  };
  return h("form", { class: "plan", onsubmit: submit },
    h("div", { class: "row" }, field("Name", name, "Letters, digits, _ . -"), field("Traffic, %", traffic, "Users who take part"),
      field("Holdout, %", holdout, "Users who never do")),
    arms,
    h("p", { class: "actions" },
      h("button", { type: "button", onclick: () => add({ name: `arm${arms.children.length + 1}`, share: 0 }) }, "Another arm"),
      h("button", { type: "submit", class: "main" }, "Run it")));
}

function armForm(bundles, given, n) {
  const name = h("input", { type: "text", value: given.name, required: true, spellcheck: "false" });
  const percent = share(given.share);
  const bundle = h("select", {}, h("option", { value: "" }, "the one in use"), bundles.map((each) =>
    h("option", { value: each.bundle }, `${short(each.bundle)}${each.current ? ", in use now" : ""}`)));
  const kind = h("select", {}, Object.keys(POLICIES).map((each) => h("option", { value: each }, each)));
  const degree = h("input", { type: "number", min: "0", step: "any", value: "0.1" });
  const more = field("Degree", degree, "ε, or temperature");
  const fit = () => { more.hidden = !POLICIES[kind.value]; };
  kind.addEventListener("change", fit);
  fit();
  const row = h("li", {}, h("fieldset", { class: "row" }, h("legend", {}, `Arm ${n}`), field("Name", name),
    field("Share, %", percent), field("Bundle", bundle), field("Policy", kind), more));
  row.read = () => {
    const policy = { kind: kind.value };
    if (POLICIES[kind.value]) policy[POLICIES[kind.value]] = Number(degree.value);
    return { name: name.value, share: part(percent), policy, ...(bundle.value ? { bundle: bundle.value } : {}) };
  };
  return row;
}

function share(value) {
  return h("input", { type: "number", min: "0", max: "100", step: "any", required: true, value });
}

function part(input) {
  return Number(input.value) / 100;
}
