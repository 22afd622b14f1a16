// What to send: chosen from the document, prefilled, compared with its schema; and which message a frame is.

import { $, h, pretty } from "./dom.js";
import { checker, sample } from "./document.js";
import { fromHex } from "./log.js";

// Milliseconds of quiet before a payload is checked
const TYPING = 150;

// Message → function, null where its schema cannot be used
const checkers = new WeakMap();
// The model that the offered messages are from
let home;
// Option → {operation, message}
let known = new Map();
let timer;

export function start() {
  $("action").addEventListener("change", choose);
  for (const radio of document.getElementsByName("format")) radio.addEventListener("change", () => validateSoon(0));
  $("payload").addEventListener("input", () => validateSoon(TYPING));
  $("reset").addEventListener("click", choose);
}

/** Choose an operation's first message. */
export function select(operation) {
  const option = [...$("action").options].find((candidate) => candidate.value.startsWith(`${operation.id} `));
  if (!option) return;
  $("action").value = option.value;
  choose();
}

/** The frame to send: text, bytes, or null where the field holds neither. */
export function payload() {
  const text = $("payload").value;
  return format() === "binary" ? fromHex(text) : text;
}

/** Offer what the channel documents, and prefill the first. */
export function offer(owner, channel) {
  home = owner;
  const outgoing = channel.operations.flatMap((operation) => {
    const said = operation.direction === "out" ? operation.messages : operation.replies;
    return said.map((message) => ({ operation, message, text: `${operation.name}${said.length > 1 ? ` — ${message.name}` : ""}${operation.deprecated ? " (deprecated)" : ""}` }));
  });
  $("action").replaceChildren(...outgoing.map(({ operation, message, text }) => h("option", { value: `${operation.id} ${message.key}` }, text)), h("option", { value: "" }, "Anything else"));
  known = new Map(outgoing.map((entry) => [`${entry.operation.id} ${entry.message.key}`, entry]));
  choose();
}

const chosen = () => known.get($("action").value);
const format = () => document.querySelector("[name=format]:checked").value;

/** Prefill with an example of what is chosen. */
export function choose() {
  const message = chosen()?.message;
  const example = message?.examples.length ? message.examples[0].payload : message?.payload === undefined ? undefined : sample(home.root, message.payload);
  const plain = typeof example === "string" && message.contentType.startsWith("text/");
  document.querySelector(`[name=format][value=${plain ? "text" : "json"}]`).checked = true;
  $("payload").value = example === undefined ? "" : plain ? example : pretty(example);
  validateSoon(0);
}

function validateSoon(wait) {
  clearTimeout(timer);
  timer = setTimeout(validate, wait);
}

export function say(tone, ...text) {
  const line = $("validity");
  line.dataset.tone = tone;
  line.replaceChildren(...text);
}

function validate() {
  const text = $("payload").value;
  if (format() === "binary") return fromHex(text) ? say("", `${fromHex(text).length} bytes`) : say("bad", "Write pairs of hexadecimal digits");
  if (format() === "text") return say("", `${text.length} characters`);
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return text.trim() ? say("bad", `Not JSON: ${error.message}`) : say("", "Empty");
  }
  const message = chosen()?.message;
  const check = message?.payload !== undefined && checkerOf(home, message);
  if (!check) return say("", "JSON");
  const complaints = check(value, { all: true });
  return complaints.length ? say("bad", complaints.slice(0, 3).join("; ")) : say("good", "Fits ", h("code", message.name));
}

// Which message a frame is

function checkerOf(owner, message) {
  if (!checkers.has(message)) checkers.set(message, checker(owner.root, message.payload ?? true));
  return checkers.get(message);
}

/** {name, complaints}: no name where nothing fits, no complaints where there is nothing to compare with. */
export function judge(frame) {
  if (frame.direction === "note" || frame.binary || frame.cut || !frame.context) return {};
  const root = frame.context.home;
  const said = frame.direction === "out" ? frame.context.channel.sent : frame.context.channel.received;
  const candidates = said.filter((message) => message.payload !== undefined && checkerOf(root, message));
  if (!candidates.length) return {};
  let value;
  try {
    value = JSON.parse(frame.text);
  } catch {
    value = frame.text;
  }
  const fitting = candidates.find((message) => checkerOf(root, message)(value).length === 0);
  if (fitting) return { name: fitting.name, complaints: [] };
  const meant = candidates.length === 1 ? candidates[0] : candidates.find((message) => {
    // The constant that tells messages apart stands in it
    const example = sample(root.root, message.payload);
    return ["type", "action", "event"].some((key) => value?.[key] !== undefined && value[key] === example?.[key]);
  });
  return meant ? { name: meant.name, complaints: checkerOf(root, meant)(value, { all: true }).slice(0, 5) } : { unknown: true };
}

export function verdictWords({ name, complaints, unknown }) {
  if (unknown) return [h("span.muted", "No message of the document looks like this.")];
  if (!complaints || !name) return [];
  return complaints.length ? [h("span.bad", `Does not fit ${name}: ${complaints.join("; ")}`)] : [h("span.good", `Fits ${name}`)];
}
