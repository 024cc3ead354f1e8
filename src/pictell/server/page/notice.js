// What is said above the pictures: why they wait, and the field for the token.

import { hasToken, isThere, useToken } from "./server.js";
import { visible } from "./words.js";

const PING_MS = 3000;
// What a token may consist of: no header can hold more.
const TOKEN = /^[\x21-\x7e]+$/;
const MAX_WAIT_S = 86_400;
const SPOKEN_MS = 400;
const SPOKEN_MUCH_MS = 5000;
const MAX_SPOKEN = 3;

const find = (selector) => document.querySelector(selector);

/** Says why nothing goes on, and calls `resume()` when it goes on. */
export class Notice {
  #resume;
  #timer;

  constructor(resume) {
    this.#resume = () => {
      this.#hide();
      resume();
    };
    find("#now").addEventListener("click", this.#resume);
    find("#token").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#take(find("#token-text").value.trim());
    });
  }

  /** Show the failure that stopped the pictures. */
  show({ kind, message }, waitS) {
    clearTimeout(this.#timer);
    if (kind === "token") {
      this.#askForToken();
    } else if (kind === "gone") {
      this.#say("The server does not answer. This page tries again every few seconds.");
      this.#ping();
    } else {
      const why = kind === "busy" ? "The server is busy." : `The server says: ${visible(message)}.`;
      this.#say(`${why} This page tries again in ${duration(waitS)}.`);
      this.#timer = setTimeout(this.#resume, 1000 * Math.min(waitS, MAX_WAIT_S));
    }
  }

  #say(text) {
    find("#notice-text").textContent = text;
    find("#notice").hidden = false;
  }

  #hide() {
    clearTimeout(this.#timer);
    find("#notice").hidden = true;
    find("#token").hidden = true;
    find("#notice-text").textContent = "";
  }

  #ping() {
    this.#timer = setTimeout(async () => {
      if (await isThere()) this.#resume();
      else this.#ping();
    }, PING_MS);
  }

  #askForToken() {
    find("#token-error").textContent = hasToken() ? "The server does not accept this token." : "";
    find("#token").hidden = false;
    if (!document.activeElement?.matches("input")) find("#token-text").focus();
  }

  #take(text) {
    if (!TOKEN.test(text)) {
      find("#token-error").textContent = "A token has letters, digits and signs, but no spaces.";
      return;
    }
    find("#token-text").value = "";
    useToken(text);
    this.#resume();
  }
}

function duration(seconds) {
  return seconds <= 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
}

let unspoken = [];
let delayMs = SPOKEN_MS;

/** Have a screen reader say something at once. */
export function speak(text) {
  find("#spoken").textContent = text;
}

/** The same for one of many things. If much comes at once, it says a summary, now and then. */
export function speakOfMany(text, summary) {
  if (!unspoken.length) setTimeout(speakAll, delayMs);
  unspoken.push({ text, summary });
}

function speakAll() {
  const texts = unspoken.map((one) => one.text);
  const isMuch = texts.length > MAX_SPOKEN;
  speak(isMuch ? unspoken.at(-1).summary() : texts.join(". "));
  delayMs = isMuch ? SPOKEN_MUCH_MS : SPOKEN_MS;
  unspoken = [];
}
