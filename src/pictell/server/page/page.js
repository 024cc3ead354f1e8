// The page: pictures come in, each becomes a card, the queue sends them.

import { Card } from "./card.js";
import { copyBy, curl } from "./copy.js";
import { Notice, speak, speakOfMany } from "./notice.js";
import { Queue } from "./queue.js";
import { classify, hasToken, offers } from "./server.js";
import { count, visible } from "./words.js";

const find = (selector) => document.querySelector(selector);

const cards = new Set();
let number = 0;
let offer = null;
const notice = new Notice(resume);
const queue = new Queue(work, (failure, waitS) => notice.show(failure, waitS));

/** Learn what the server offers, which also shows whether it wants a token; then go on. */
async function resume() {
  try {
    offer ??= showOffer(await offers());
  } catch (failure) {
    queue.pause(failure);
    return;
  }
  queue.resume();
}

function showOffer(found) {
  const { models, fetch: fetches } = found;
  const options = models.map(({ name }) => new Option(visible(name), name));
  find("#model").replaceChildren(...options);
  find("#models").hidden = models.length < 2;
  find("#url").hidden = !fetches;
  showModel(models[0]);
  return found;
}

function showModel({ model, classes, answers }) {
  find("#about-model").textContent = `Model ${visible(model)}, ${classes.toLocaleString("en")} classes.`;
  find("#words").hidden = !answers;
}

/** The name of the model, if there is a choice. */
function model() {
  return offer?.models.length > 1 ? find("#model").value : null;
}

async function work(card, signal) {
  card.start();
  card.succeed(await classify(card.picture, { model: model(), maxBody: offer.max_body, signal }));
  tell(card);
}

/** How many pictures have no answer yet. */
function countOpen() {
  return [...cards].filter((card) => card.isOpen).length;
}

/** Say that a picture has its answer. */
function tell(card) {
  const open = countOpen();
  const done = `${count(cards.size - open)} done`;
  speakOfMany(card.summary, () => (open ? `${done}, ${open} to go` : done));
  showCount();
}

function showCount() {
  const all = count(cards.size);
  const open = countOpen();
  find("#count").textContent = open ? `${cards.size - open} of ${all}` : all;
  find("#results").hidden = !cards.size;
  document.body.classList.toggle("has-pictures", cards.size > 0);
}

/** Add pictures, each with `name`, and `file` or `url`. */
function add(pictures) {
  const added = pictures.map(makeCard);
  find("#remark").textContent = "";
  find("#cards").append(...added.map((card) => card.element));
  showCount();
  added[0]?.element.scrollIntoView({ block: "nearest" });
  for (const card of added) queue.add(card);
}

function makeCard(picture) {
  const card = new Card(picture, (number += 1));
  const fail = card.fail.bind(card);
  card.fail = (failure) => (fail(failure), tell(card));
  card.button("remove").addEventListener("click", () => removeOne(card));
  card.button("again").addEventListener("click", () => restart(card));
  card.button("json").addEventListener("click", ({ currentTarget }) => {
    copyBy(currentTarget, json(card.record));
  });
  card.button("curl").addEventListener("click", ({ currentTarget }) => {
    copyBy(currentTarget, curl(picture, { model: model(), hasToken: hasToken() }));
  });
  cards.add(card);
  return card;
}

function json(record) {
  return JSON.stringify(record, null, 2);
}

function restart(card) {
  // The button that was pressed disappears.
  if (document.activeElement === card.button("again")) card.button("remove").focus();
  queue.remove(card);
  card.tries = 0;
  card.wait();
  showCount();
  queue.add(card);
}

function remove(card) {
  queue.remove(card);
  cards.delete(card);
  card.close();
}

/** Remove a picture; the focus goes to a neighbour, or it would be lost. */
function removeOne(card) {
  const all = [...cards];
  const place = all.indexOf(card);
  const next = all[place + 1] ?? all[place - 1];
  remove(card);
  showCount();
  speak(`Removed ${card.name}`);
  (next?.button("remove") ?? find("#choose")).focus();
}

function clear() {
  for (const card of [...cards]) remove(card);
  showCount();
  speak("Removed all pictures");
  find("#choose").focus();
}

function copyAll({ currentTarget }) {
  copyBy(currentTarget, json([...cards].map((card) => card.record).filter(Boolean)));
}

function addFiles(files) {
  add([...files].map((file) => ({ file, name: file.name || "picture" })));
}

/** Add the address of a picture; whether it is one. */
function addUrl(text) {
  if (!offer?.fetch || !/^https?:\/\/\S+$/i.test(text)) return false;
  add([{ url: text, name: text }]);
  return true;
}

function addFrom({ files, types }, text) {
  if (files.length) addFiles(files);
  else if (!addUrl(text.trim()) && types.includes("text/uri-list")) {
    remark("This server takes no addresses: save the picture, then drop the file.");
  }
}

/** Say why nothing was added. */
function remark(text) {
  find("#remark").textContent = text;
  speak(text);
}

function listenForFiles() {
  for (const name of ["choose", "take"]) {
    const input = find(`#${name}-files`);
    find(`#${name}`).addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      addFiles(input.files);
      // The same file can be chosen again.
      input.value = "";
    });
  }
  find("#url").addEventListener("submit", (event) => {
    event.preventDefault();
    if (addUrl(find("#url-text").value.trim())) find("#url-text").value = "";
    else remark("An address begins with http:// or https://.");
  });
  document.addEventListener("paste", (event) => {
    if (event.target.matches?.("input") && !event.clipboardData.files.length) return;
    addFrom(event.clipboardData, event.clipboardData.getData("text"));
  });
}

function listenForDrops() {
  const show = (isOver) => document.body.classList.toggle("dropping", isOver);
  // Text is moved within the page.
  const isForUs = ({ dataTransfer: { types } }) =>
    types.includes("Files") || types.includes("text/uri-list");
  document.addEventListener("dragover", (event) => {
    if (!isForUs(event)) return;
    event.preventDefault();
    show(true);
  });
  document.addEventListener("dragleave", (event) => show(Boolean(event.relatedTarget)));
  document.addEventListener("drop", (event) => {
    if (!isForUs(event)) return;
    event.preventDefault();
    show(false);
    addFrom(event.dataTransfer, event.dataTransfer.getData("text/uri-list"));
  });
}

function listen() {
  listenForFiles();
  listenForDrops();
  find("#clear").addEventListener("click", clear);
  find("#copy-all").addEventListener("click", copyAll);
  find("#model").addEventListener("change", () => {
    showModel(offer.models[find("#model").selectedIndex]);
    for (const card of cards) restart(card);
  });
}

listen();
await resume();
