// One picture on the page: its thumbnail, and what the server says.

import { inWords, path, percent, short, visible, warning, worthShowing } from "./words.js";

const template = document.querySelector("#card");

export class Card {
  /** `picture` has `name`, and `file` or `url`. `number` is its place. */
  constructor(picture, number) {
    this.picture = picture;
    this.number = number;
    this.tries = 0;
    this.element = template.content.firstElementChild.cloneNode(true);
    this.name = short(picture.name);
    this.#part("name").textContent = this.name;
    this.#part("name").title = visible(picture.name);
    this.button("remove").setAttribute("aria-label", `Remove ${this.name}`);
    for (const format of ["JSON", "curl"]) {
      const label = `Copy as ${format}: ${this.name}`;
      this.button(format.toLowerCase()).setAttribute("aria-label", label);
    }
    this.button("again").setAttribute("aria-label", `Try again: ${this.name}`);
    this.#showThumbnail();
    this.wait();
  }

  /** A button by its class: again, curl, json, remove. */
  button(name) {
    return this.#part(name);
  }

  /** The picture is to be sent. */
  wait() {
    this.record = null;
    this.#show("waiting", "Waiting …");
  }

  /** The picture is sent. */
  start() {
    this.#show("running", "Looking …");
  }

  /** Show a result. */
  succeed(result) {
    const { words, score } = inWords(result);
    this.record = result;
    this.#show("done", visible(words), score === null ? "" : percent(score));
    this.#part("status").textContent = result.status ?? "";
    this.#part("status").dataset.status = result.status ?? "";
    this.#part("facts").textContent = facts(result);
    this.#part("warning").textContent = visible(warning(result));
    this.#part("details").textContent = visible(path(result));
    this.#part("bars").replaceChildren(...worthShowing(result).map(bar));
  }

  /** Show why there is no result. */
  fail({ message, again = false, record = null }) {
    this.record = record;
    this.#show("failed", "No answer");
    this.#part("details").textContent = sentence(visible(message));
    this.button("again").hidden = !again;
  }

  get isOpen() {
    return this.state === "waiting" || this.state === "running";
  }

  /** What a screen reader says of it. */
  get summary() {
    const names = ["words", "score", this.state === "failed" ? "details" : "warning"];
    const texts = names.map((name) => this.#part(name).textContent);
    return `${this.name}: ${texts.filter(Boolean).join(" ")}`;
  }

  /** Give back the memory of the thumbnail. */
  close() {
    URL.revokeObjectURL(this.#part("thumbnail").src);
    this.element.remove();
  }

  #part(name) {
    return this.element.querySelector(`.${name}`);
  }

  #show(state, words, score = "") {
    this.state = state;
    this.element.dataset.state = state;
    this.element.setAttribute("aria-busy", String(this.isOpen));
    this.#part("words").textContent = words;
    this.#part("score").textContent = score;
    for (const name of ["status", "warning", "details", "facts"]) this.#part(name).textContent = "";
    this.#part("bars").replaceChildren();
    this.button("again").hidden = true;
    this.button("json").hidden = !this.record;
  }

  #showThumbnail() {
    const { file, name } = this.picture;
    const image = this.#part("thumbnail");
    const suffix = /\.(\w{1,5})$/.exec(name)?.[1] ?? "";
    this.#part("suffix").textContent = file ? suffix.toUpperCase() : "URL";
    if (!file) {
      image.remove();
      return;
    }
    const url = URL.createObjectURL(file);
    const revoke = () => URL.revokeObjectURL(url);
    image.addEventListener("load", revoke);
    // What the browser cannot show, the server may still read.
    image.addEventListener("error", () => (revoke(), (image.hidden = true)));
    image.src = url;
  }
}

function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function facts({ width, height, timings }) {
  const size = width && height ? [`${width} × ${height}`] : [];
  return [...size, ...(timings ? [`${Math.ceil(timings.total_ms)} ms`] : [])].join(" · ");
}

function bar({ label, score }) {
  const item = document.createElement("li");
  const parts = { label: visible(label), track: "", share: percent(score) };
  for (const [name, text] of Object.entries(parts)) {
    const part = document.createElement("span");
    part.className = name;
    part.textContent = text;
    item.append(part, " ");
  }
  item.querySelector(".track").style.setProperty("--score", score);
  item.querySelector(".track").setAttribute("aria-hidden", "true");
  return item;
}
