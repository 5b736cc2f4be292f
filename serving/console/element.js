// Elements of the page. Whatever comes from the service becomes text or an attribute's value, never markup.

/** An element with its attributes, listeners (`onclick`), CSS variables (`vars`) and children; null ones are left out. */
export function h(tag, given = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) give(element, name, value);
  element.append(...children.flat(2).filter(isThere));
  return element;
}

/** Replace what an element holds. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(2).filter(isThere));
  return element;
}

/** Say something to who listens to the page: what has come. */
export function say(text) {
  document.getElementById("said").textContent = text;
}

let made = 0;

/** An id that no other element has. */
export function fresh(name) {
  made += 1;
  return `${name}-${made}`;
}

/** A labelled field of a form. */
export function field(label, control, note) {
  control.id ||= fresh("field");
  const told = note ? h("span", { class: "note", id: `${control.id}-note` }, note) : null;
  if (told) control.setAttribute("aria-describedby", told.id);
  return h("p", { class: "field" }, h("label", { for: control.id }, label), control, told);
}

function isThere(child) {
  return child !== null && child !== undefined && child !== false;
}

function give(element, name, value) {
  if (!isThere(value)) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "vars") for (const [key, each] of Object.entries(value)) element.style.setProperty(`--${key}`, each);
  else if (name === "value") element.value = value;
  else element.setAttribute(name, value === true ? "" : value);
}
