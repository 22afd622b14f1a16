// Building elements without markup in strings: text from others is only ever text.

export const $ = (id) => document.getElementById(id);

/** h("p", {class: "hint", onclick: f}, "text", child) */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== ""));
  return element;
}

/** A colour per person, stable and the same everywhere. */
export function avatar(name) {
  const tone = name.charCodeAt(0) % 5;
  return h("span", { class: `avatar tone-${tone}`, "aria-hidden": "true" }, name[0]?.toUpperCase() ?? "?");
}

export const clock = (date = new Date()) => date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

export function duration(seconds) {
  const left = Math.max(0, Math.ceil(seconds));
  if (left >= 86400) return `${Math.round(left / 86400)} days`;
  if (left >= 3600) return `${Math.floor(left / 3600)} h ${Math.floor((left % 3600) / 60)} min`;
  if (left >= 60) return `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")} min`;
  return `${left} s`;
}

/** Replace the children and leave the keyboard where it was; `data-key` names what may hold the focus. */
export function redraw(parent, ...children) {
  const key = parent.contains(document.activeElement) && document.activeElement.dataset.key;
  parent.replaceChildren(...children);
  if (key) parent.querySelector(`[data-key="${key}"]`)?.focus();
}
