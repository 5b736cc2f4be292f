// What `recsys ab` found, read from its file in the browser: the file is sent nowhere.

import { field, fill, h } from "./element.js";
import { contests, judgement, readout, refusals } from "./verdicts.js";
import { note, trouble } from "./panel.js";

const COMMANDS = [
  ["What the arms have shown", "recsys ab --log LOG", "experiment.json"],
  ["What another bundle would have earned", "recsys ab --log LOG --policy next=BUNDLE", "ab.json"],
];

/** A field for the file, what to run for one, and what it says. */
export function reading() {
  const box = h("div", { class: "result", "aria-live": "polite" });
  const file = h("input", { type: "file", accept: ".json,application/json" });
  file.addEventListener("change", async () => {
    if (file.files.length) fill(box, said(await file.files[0].text()));
  });
  return h("div", {},
    note("Estimates rest on the policy log, which the service writes and does not read out: run one of these where the log lies, and open its file here. It stays in this tab."),
    h("ul", { class: "commands" }, COMMANDS.map(([what, command, name]) =>
      h("li", {}, `${what}: `, h("code", {}, command), " writes ", h("code", {}, `ab/${name}`)))),
    field("A file of recsys ab", file), box);
}

function said(text) {
  try {
    const found = shape(JSON.parse(text));
    if (found) return found;
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
  }
  return trouble(new Error("This is no file of `recsys ab`; open ab.json, experiment.json or interleaved.json of its folder."));
}

/** What kind of file it is, by what only such files have; null for another. */
function shape(found) {
  if (Array.isArray(found)) return contests(found);
  if (found.policies && found.card) return judgement(found);
  if (found.said && found.refused) return h("div", {}, h("p", { class: "landing" }, `${found.said}.`), refusals(found.refused));
  if (found.contrasts && found.arms) return readout(found);
  if ("experiment" in found && "interleaved" in found) {
    return h("div", {}, found.experiment ? readout(found.experiment) : null, found.interleaved.length ? contests(found.interleaved) : null);
  }
  return null;
}
