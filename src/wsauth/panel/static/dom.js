// Building elements without markup in strings: a document's text is only ever text.

export const $ = (id) => document.getElementById(id);

/** h("p.hint", {id: "x", onclick: f}, "text", child); attributes may be left out. Nothing sets markup or style with it. */
export function h(name, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag);
  if (tag === "button") element.type = "button";
  if (classes.length) element.className = classes.join(" ");
  const attributes = children[0]?.constructor === Object ? children.shift() : {};
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null && !/^(on|style)/.test(key)) element.setAttribute(key, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child != null && child !== false && child !== ""));
  return element;
}

/** Paragraphs, lists, `code` and fences of a description; everything else in it stays as written. */
export function prose(text, className = "prose") {
  const box = h("div", { class: className });
  if (typeof text !== "string") return box;
  for (const [at, part] of text.split(/^```[^\n]*$/m).entries()) {
    if (at % 2) {
      box.append(h("pre", { tabindex: "0" }, part.replace(/^\n|\n$/g, "")));
      continue;
    }
    for (const block of part.split(/\n\s*\n/)) {
      const lines = block.split("\n").map((line) => line.trim()).filter(Boolean);
      if (!lines.length) continue;
      if (lines.every((line) => /^[-*] /.test(line))) box.append(h("ul", lines.map((line) => h("li", inline(line.slice(2))))));
      else box.append(h("p", inline(lines.join(" "))));
    }
  }
  return box;
}

const inline = (text) =>
  text.split(/(`[^`]+`)/).map((part) => (/^`[^`]+`$/.test(part) ? h("code", part.slice(1, -1)) : part));

const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\btrue\b|\bfalse\b|\bnull\b)/g;
const LONG = 100_000;

/** JSON with a little colour; text that is very long stays plain. */
export function coloured(json) {
  if (json.length > LONG) return [json];
  const parts = [];
  let end = 0;
  for (const match of json.matchAll(TOKEN)) {
    parts.push(json.slice(end, match.index));
    parts.push(h("span", { class: match[2] ? "k" : match[1] ? "s" : "n" }, match[1] ?? match[0]));
    if (match[2]) parts.push(match[2]);
    end = match.index + match[0].length;
  }
  return [...parts, json.slice(end)];
}

export const pretty = (value) => JSON.stringify(value, null, 2) ?? "";

export function copyButton(text, label = "Copy") {
  const button = h("button.quiet.small", label);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(typeof text === "function" ? text() : text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed here";
    }
    setTimeout(() => (button.textContent = label), 1500);
  });
  return button;
}

export const codeBlock = (text, name) => h("div.code-block", h("pre", { tabindex: "0", "aria-label": name }, text), copyButton(text));

export function save(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = h("a", { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** "12 s", "4:05", "2 h 10 min", "3 days" */
export function duration(seconds) {
  const left = Math.max(0, Math.floor(seconds));
  if (left >= 172800) return `${Math.floor(left / 86400)} days`;
  if (left >= 3600) return `${Math.floor(left / 3600)} h ${Math.floor((left % 3600) / 60)} min`;
  if (left >= 60) return `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  return `${left} s`;
}

export const clock = (milliseconds) => {
  const date = new Date(milliseconds);
  const two = (number, width = 2) => String(number).padStart(width, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${two(date.getMilliseconds(), 3)}`;
};

/** "send_message", "chat.sendMessage" → "Send message", "Chat send message" */
export function words(id) {
  const text = String(id).replace(/([a-z0-9])([A-Z])/g, "$1 $2").replace(/[_.\-/]+/g, " ").trim().toLowerCase();
  return text.charAt(0).toUpperCase() + text.slice(1);
}
