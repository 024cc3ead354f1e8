// Requests to the server. The page may lie below a prefix, so all addresses are relative.

const MAX_NAME = 255;
const KEY = "pictell-token";
const PING_TIMEOUT_MS = 5000;
const BUSY = new Set([429, 502, 503, 504]);
// Retrying a picture that took too long would take as long again.
const DEADLINE = "deadline";

/**
 * Why there is no result. `kind`: "picture" for the fault of this picture; "busy", "gone" and
 * "token" for what stops all pictures. `waitS`: when to come again, in seconds, if the server says.
 * `again`: whether another try may help. `record`: the server's answer as JSON, if it has one.
 */
export class Failure extends Error {
  constructor(kind, message, { waitS = 0, again = false, record = null } = {}) {
    super(message);
    Object.assign(this, { kind, waitS, again, record });
  }
}

let token = stored();

function stored() {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

/** Use a token from now on, until the tab is closed. */
export function useToken(text) {
  token = text;
  try {
    sessionStorage.setItem(KEY, text);
  } catch {
    // A browser that stores nothing keeps the token until the page is left.
  }
}

export function hasToken() {
  return token !== "";
}

/** What the server offers: `models`, `fetch`, `max_body`. Rejects with a `Failure`. */
export function offers() {
  return ask("v1/models", {});
}

/** Whether the server answers at all. */
export async function isThere() {
  try {
    return (await fetch("healthz", { signal: AbortSignal.timeout(PING_TIMEOUT_MS) })).ok;
  } catch {
    return false;
  }
}

/** The address that classifies, with the model if there is a choice. */
export function address(model, name) {
  const query = new URLSearchParams();
  if (model) query.set("model", model);
  if (name) query.set("name", [...name].slice(0, MAX_NAME).join(""));
  return `v1/classify${query.size ? "?" : ""}${query}`;
}

/** The result for a file or a URL. Rejects with a `Failure`, or as `signal` says. */
export async function classify({ file, url, name }, { model, maxBody, signal }) {
  if (url) {
    const body = JSON.stringify({ url });
    const headers = { "Content-Type": "application/json" };
    return ask(address(model), { method: "POST", body, headers, signal });
  }
  if (file.size > maxBody) {
    const most = `${Math.floor(maxBody / 1024 ** 2)} MiB`;
    throw new Failure("picture", `the file is larger than the ${most} that this server takes`);
  }
  // The bytes decide what it is, not the browser's guess from the name.
  const headers = { "Content-Type": "application/octet-stream" };
  const body = await read(file);
  return ask(address(model, name), { method: "POST", body, headers, signal });
}

async function read(file) {
  const bytes = await file.arrayBuffer().catch(() => {
    const message = "the file cannot be read; if it is a folder, choose the pictures in it";
    throw new Failure("picture", message);
  });
  if (!bytes.byteLength) throw new Failure("picture", "the file is empty");
  return bytes;
}

async function ask(path, { headers = {}, ...options }) {
  if (token) headers.Authorization = `Bearer ${token}`;
  let response, text;
  try {
    response = await fetch(path, { ...options, headers });
    text = await response.text();
  } catch {
    options.signal?.throwIfAborted();
    throw new Failure("gone", "the server does not answer", { again: true });
  }
  const record = parse(text);
  if (response.ok && record) return record;
  throw failure(response, record);
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function failure(response, record) {
  const { status, headers } = response;
  const message =
    record?.detail ?? (response.ok ? "the answer is not JSON" : `the server answered ${status}`);
  if (status === 401) return new Failure("token", message, { record });
  const isBusy = BUSY.has(status) && record?.code !== DEADLINE;
  const waitS = seconds(headers.get("Retry-After"));
  const again = isBusy || status >= 500;
  return new Failure(isBusy ? "busy" : "picture", message, { waitS, again, record });
}

/** The seconds of a Retry-After header, which may be a date. */
function seconds(text) {
  return Number(text) || Math.max(0, (Date.parse(text) - Date.now()) / 1000) || 0;
}
