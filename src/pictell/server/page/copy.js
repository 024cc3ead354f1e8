// What the buttons copy.

import { speak } from "./notice.js";
import { address } from "./server.js";
import { visible } from "./words.js";

const SAID_MS = 2000;

/** Put a text on the clipboard; the button says for a while whether that worked. */
export async function copyBy(button, text) {
  const said = (await copy(text)) ? "Copied" : "Copying failed";
  const before = (button.dataset.text ??= button.textContent);
  button.textContent = said;
  setTimeout(() => (button.textContent = before), SAID_MS);
  speak(said);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Browsers have no such clipboard on pages that did not come by HTTPS.
    return copySelected(text);
  }
}

function copySelected(text) {
  const { activeElement } = document;
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "unseen";
  document.body.append(area);
  area.select();
  const worked = document.execCommand("copy");
  area.remove();
  activeElement?.focus();
  return worked;
}

/** The command that gets the same result. */
export function curl({ file, url, name }, { model, hasToken }) {
  const to = quote(new URL(address(model), location.href).href);
  // The token itself stays secret: the shell puts it in.
  const authorization = hasToken ? ' -H "Authorization: Bearer $TOKEN"' : "";
  if (file) return `curl${authorization} -F ${quote(`image=@${formName(name)}`)} ${to}`;
  const json = "-H 'Content-Type: application/json'";
  return `curl${authorization} ${json} -d ${quote(JSON.stringify({ url }))} ${to}`;
}

/** The name as curl's -F reads it. One that could move a terminal's cursor is left out. */
function formName(name) {
  if (visible(name) !== name) return "FILE";
  const path = name.startsWith("-") ? `./${name}` : name;
  return /[";,\\]/.test(path) ? `"${path.replace(/["\\]/g, "\\$&")}"` : path;
}

function quote(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
