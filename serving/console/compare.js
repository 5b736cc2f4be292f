// Two arms, and so two bundles or policies, side by side for one user.

import { get, post, put, remove } from "./api.js";
import { about } from "./answer.js";
import { field, fill, h, say } from "./element.js";
import { userFinder } from "./finders.js";
import { day, percent, short } from "./format.js";
import { elsewhere, ranks, shared } from "./moves.js";
import { note, panel, sure, within } from "./panel.js";
import { ranked } from "./ranked.js";
import { learn } from "./titles.js";

const LONG = 20;
const USUAL = "default";
const TRIAL = "console-comparison";
const CANDIDATE = "candidate";

/** The view for one user, or none yet. */
export function compare({ user, signal, go }) {
  const box = h("div", { class: "result" });
  const find = userFinder({ value: user, chosen: (id) => go("compare", id) });
  within(box, () => show(box, user, signal));
  const lead = h("p", { class: "lead" }, "The same user, asked of two arms or two bundles.");
  return [h("h1", {}, "Compare"), lead, find, box];
}

async function show(box, user, signal) {
  const [{ experiment }, { bundles }] = await Promise.all([
    get("v1/experiment", {}, { signal }), get("v1/bundles", {}, { signal }),
  ]);
  const again = () => within(box, () => show(box, user, signal));
  const arms = [USUAL, ...(experiment?.arms.map((arm) => arm.name) ?? [])];
  fill(box, loading({ experiment, bundles, again }), arms.length > 1 ? sides({ user, arms, signal }) : null);
}

/** What has to be there so that there is something to compare. */
function loading({ experiment, bundles, again }) {
  if (experiment?.name === TRIAL) {
    return panel("A bundle is loaded to be compared",
      note("It answers nobody: the experiment that holds it has no traffic. End it when you are done, it takes memory."),
      act("Unload it", async () => remove("v1/experiment"), again));
  }
  if (experiment) return note(`The arms are those of the experiment ${experiment.name}, which runs; default is the bundle in use as it is.`);
  const others = bundles.filter((each) => !each.current);
  if (!others.length) return note("There is one bundle and no experiment: nothing to compare. Release another bundle beside it, or run an experiment.");
  const choice = h("select", {}, others.map((each) =>
    h("option", { value: each.bundle }, `${short(each.bundle)}, published ${day(each.published)}`)));
  return panel("Load another bundle to compare",
    note("No experiment runs. A bundle can be loaded beside the one in use as the arm of an experiment without traffic: nobody's list changes."),
    h("div", { class: "row" }, field("Bundle", choice), act("Load it", () => load(choice.value), again)));
}

function act(name, work, again) {
  const told = h("div", {});
  const click = () => within(told, async () => {
    if ((await work()) !== false) again();
  }, false);
  return h("div", { class: "act" }, h("button", { type: "button", onclick: click }, name), told);
}

async function load(bundle) {
  const text = `PUT /v1/experiment runs "${TRIAL}" with traffic 0, whose arm names bundle ${short(bundle)}. `
    + "Nobody's list changes; every worker loads the bundle, which takes memory until you unload it.";
  if (!(await sure("Load this bundle?", text, "Load it"))) return false;
  return put("v1/experiment", { name: TRIAL, traffic: 0, arms: [{ name: CANDIDATE, share: 1, bundle }] });
}

function sides({ user, arms, signal }) {
  if (!user) return note("Choose a user to see their lists.");
  const box = h("div", { class: "result" });
  const pick = (n) => h("select", { onchange: () => look() }, arms.map((arm, at) =>
    h("option", { value: arm, selected: at === n }, arm)));
  const choices = [pick(0), pick(1)];
  const look = () => within(box, () => lists(box, user, choices.map((each) => each.value), signal));
  look();
  return h("div", {}, h("div", { class: "row" }, field("Left", choices[0]), field("Right", choices[1])), box);
}

async function lists(box, user, arms, signal) {
  const ask = (arm) => post("v1/preview", { user_id: user, k: LONG, explain: true, arm }, { signal });
  const answers = await Promise.all(arms.map(ask));
  await learn(answers.flatMap((each) => each.items.map((place) => place.item_id)), { signal });
  const common = shared(answers[0].items, answers[1].items);
  const longest = Math.max(1, ...answers.map((each) => each.items.length));
  say(`They share ${common} of ${longest} items.`);
  fill(box,
    h("p", { class: "landing" }, "They share ", h("strong", {}, `${common} of ${longest}`), ` items, ${percent(common / longest)}.`),
    h("div", { class: "side-by-side even" }, answers.map((answer, n) => {
      const other = ranks(answers[1 - n].items);
      return panel(`${n ? "Right" : "Left"}: ${answer.arm}`, about(answer),
        ranked(answer.items, { name: `List of ${answer.arm}`, told: (place) => elsewhere(place, other) }));
    })));
}
