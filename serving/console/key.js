// The key that is sent with every request: typed by whoever looks, kept in this tab only.

const NAME = "recsys.key";

/** The key, or null. */
export function key() {
  return sessionStorage.getItem(NAME);
}

/** Ask for a key; true where one was given. `why` is said in the dialog. */
export function askForKey(why) {
  const dialog = document.getElementById("key-dialog");
  const input = document.getElementById("key");
  if (why) document.getElementById("key-why").textContent = why;
  if (dialog.open) return Promise.resolve(false);
  input.value = "";
  dialog.returnValue = "cancel";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(kept(dialog.returnValue, input)), { once: true });
  });
}

/** Say on the button whether there is a key. */
export function tellKey() {
  document.getElementById("key-button").textContent = key() ? "Key: set" : "Key";
}

function kept(choice, input) {
  const given = input.value.trim();
  input.value = "";
  if (choice === "forget") sessionStorage.removeItem(NAME);
  if (choice === "use" && given) sessionStorage.setItem(NAME, given);
  tellKey();
  return choice === "forget" || (choice === "use" && given !== "");
}
