// The service's public API, and nothing else: addresses are relative to the page.

import { key } from "./key.js";

/** What the service says of a request that it does not meet: its sentence and its status; 0 where nobody answers. */
export class Refusal extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

/** GET a path; `given` becomes its query, lists become several of one name. */
export function get(path, given = {}, { signal } = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(given)) for (const each of [value].flat()) query.append(name, each);
  const text = query.toString();
  return ask("GET", text ? `${path}?${text}` : path, undefined, signal);
}

/** POST JSON. */
export function post(path, body, { signal } = {}) {
  return ask("POST", path, body, signal);
}

/** PUT JSON. */
export function put(path, body) {
  return ask("PUT", path, body);
}

/** DELETE. */
export function remove(path) {
  return ask("DELETE", path);
}

/** A name as a part of a path. */
export function part(name) {
  return encodeURIComponent(name);
}

async function ask(method, path, body, signal) {
  const headers = key() ? { authorization: `Bearer ${key()}` } : {};
  if (body !== undefined) headers["content-type"] = "application/json";
  const sent = { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) };
  const answer = await fetch(path, { ...sent, credentials: "omit", cache: "no-store" }).catch((error) => {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, "The service does not answer; look whether it runs, then try again.");
  });
  const kind = answer.headers.get("content-type") ?? "";
  if (!answer.ok) throw new Refusal(answer.status, await sentence(answer, kind));
  return kind.startsWith("application/json") ? answer.json() : answer.text();
}

async function sentence(answer, kind) {
  if (!kind.startsWith("application/problem+json")) return `The service answers ${answer.status}.`;
  const problem = await answer.json();
  return problem.detail;
}
