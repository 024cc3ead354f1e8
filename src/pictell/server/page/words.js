// What a result says, in the words of the command.

// Control characters, bidirectional controls, line separators and lone surrogates: a name must not
// hide, reorder or break what stands beside it.
const UNSAFE =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]/gu;
const NAMED = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
const MIN_SCORE = 0.01;
const MAX_STEPS = 2;
const MAX_SHOWN = 80;
const END_SHOWN = 16;

/** The answer, and its score, 0..1, or null if it has none. The predictions are shown apart. */
export function inWords(result) {
  const { status, answer, predictions } = result;
  if (answer) {
    return { words: (status === "likely" ? "probably " : "") + answer.name, score: answer.score };
  }
  if (status === "unknown") {
    return { words: "not sure: unlike anything this model knows", score: null };
  }
  if (!predictions.length) return { words: "no prediction", score: null };
  const [{ label, score }] = predictions;
  return { words: (status === "unsure" ? "not sure; perhaps " : "") + label, score };
}

/** The predictions that say something: none of a picture that is unlike all that the model knows. */
export function worthShowing({ status, predictions }) {
  if (status === null) return predictions;
  return status === "unknown" ? [] : predictions.filter(({ score }) => score >= MIN_SCORE);
}

/** What is wrong with the picture, as a sentence; empty if nothing is known to be. */
export function warning({ warnings = [] }) {
  return warnings.length
    ? `The picture is ${warnings.join(" and ")}: the answer may be wrong.`
    : "";
}

/** Where the answer stands in the taxonomy: "clock or watch › clock". */
export function path({ answer }) {
  const names = answer?.path ?? [];
  return names.length > 1 ? names.slice(-MAX_STEPS).join(" › ") : "";
}

/** A score in 0..1 as text: "97 %". Only a score of 1 is 100 %. Halves go to the even number. */
export function percent(score) {
  if (score >= 1) return "100 %";
  const exact = 100 * score;
  const rounded = Math.round(exact);
  const even = rounded - exact === 0.5 && rounded % 2 ? rounded - 1 : rounded;
  return `${Math.min(even, 99)} %`;
}

/** The text on one line, its control characters as "\x1b", "\u202e" and the like. */
export function visible(text) {
  return text.replace(UNSAFE, (character) => NAMED[character] ?? spelledOut(character));
}

function spelledOut(character) {
  const code = character.charCodeAt(0);
  // A surrogate that stands for a byte of a name that is not UTF-8.
  const byte = code >= 0xdc80 && code <= 0xdcff ? code - 0xdc00 : code;
  const hex = byte.toString(16);
  return byte < 0x100 ? `\\x${hex.padStart(2, "0")}` : `\\u${hex.padStart(4, "0")}`;
}

/** The same, and the middle of a long text left out: the end of a file name says what it is. */
export function short(text) {
  const characters = [...visible(text)];
  if (characters.length <= MAX_SHOWN) return characters.join("");
  const start = characters.slice(0, MAX_SHOWN - END_SHOWN - 1);
  return [...start, "…", ...characters.slice(-END_SHOWN)].join("");
}

/** "1 picture", "5 pictures". */
export function count(number) {
  return number === 1 ? "1 picture" : `${number} pictures`;
}
