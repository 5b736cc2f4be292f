// A field that finds what one types: a combobox, as ARIA's authoring practices have it.

import { fresh, h } from "./element.js";

const WAIT_MS = 150;

/**
 * A labelled field with suggestions.
 *
 * label: of the field.
 * look: async (text, signal) → [{value, label, note}].
 * chosen: called with the value of a suggestion, or with the text where Enter was pressed without one.
 * free: whether a text that is no suggestion may be chosen.
 */
export function finder({ label, look, chosen, value = "", free = true, placeholder = "" }) {
  return new Finder(label, look, chosen, value, free, placeholder).element;
}

class Finder {
  constructor(label, look, chosen, value, free, placeholder) {
    Object.assign(this, { look, chosen, free, found: [], at: -1, asked: 0 });
    const id = fresh("finder");
    this.list = h("ul", { id: `${id}-list`, role: "listbox", "aria-label": label, hidden: true });
    this.told = h("p", { class: "note", role: "status" });
    this.input = h("input", {
      id, value, placeholder, type: "text", role: "combobox", autocomplete: "off", spellcheck: "false",
      "aria-expanded": "false", "aria-controls": this.list.id, "aria-autocomplete": "list",
      oninput: () => this.soon(), onfocus: () => this.soon(), onblur: () => this.leave(),
      onkeydown: (event) => this.press(event),
    });
    this.element = h("div", { class: "finder" }, h("label", { for: id }, label), this.input, this.list, this.told);
  }

  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.search(), WAIT_MS);
  }

  async search() {
    const turn = ++this.asked;
    try {
      const found = await this.look(this.input.value.trim());
      if (turn === this.asked && document.activeElement === this.input) this.show(found);
    } catch (error) {
      if (turn === this.asked) this.told.textContent = error.message;
    }
  }

  show(found) {
    this.found = found;
    this.move(-1);
    this.list.replaceChildren(...found.map((each, n) => this.option(each, n)));
    this.open(found.length > 0);
    this.told.textContent = found.length ? "" : "Nothing is found.";
  }

  option(each, n) {
    const given = { id: `${this.list.id}-${n}`, role: "option", "aria-selected": "false" };
    const choose = (event) => {
      event.preventDefault(); // the field keeps the focus
      this.choose(each.value);
    };
    const note = each.note ? h("span", { class: "note" }, each.note) : null;
    return h("li", { ...given, onmousedown: choose }, h("span", {}, each.label), note);
  }

  press(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in steps) {
      event.preventDefault();
      if (this.list.hidden) this.search();
      else this.move((this.at + steps[event.key] + this.found.length) % this.found.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      const text = this.input.value.trim();
      if (this.at >= 0) this.choose(this.found[this.at].value);
      else if (this.free && text) this.choose(text);
      else if (this.found.length === 1) this.choose(this.found[0].value);
    } else if (event.key === "Escape") this.open(false);
  }

  choose(value) {
    this.input.value = this.free ? value : "";
    this.leave();
    this.told.textContent = "";
    this.chosen(value);
  }

  leave() {
    clearTimeout(this.timer);
    this.asked += 1; // what is under way is not waited for
    this.open(false);
  }

  open(shown) {
    this.list.hidden = !shown;
    this.input.setAttribute("aria-expanded", String(shown));
    if (!shown) this.move(-1);
  }

  move(n) {
    this.list.children[this.at]?.setAttribute("aria-selected", "false");
    this.at = n;
    const option = this.list.children[n];
    if (option) {
      option.setAttribute("aria-selected", "true");
      option.scrollIntoView({ block: "nearest" });
      this.input.setAttribute("aria-activedescendant", option.id);
    } else this.input.removeAttribute("aria-activedescendant");
  }
}
