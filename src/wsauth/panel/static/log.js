// The log: bounded, without the secrets that this page knows, and drawn once per animation frame, as far as it can be seen.

import { $, clock, coloured, copyButton, h, pretty, save } from "./dom.js";

export const MAX_FRAMES = 10_000;
export const MAX_CHARACTERS = 24_000_000;
// Characters kept of one frame
const MAX_FRAME = 1_000_000;
// Frames dropped at once, so that dropping costs nothing per frame
const SPARE = 500;
const MASK = "••••••";
// A shorter secret would mask half of every message
const SHORT = 4;

/** What must not show: the secrets in use, in every spelling that a URL or JSON gives them. */
export class Secrets {
  #spellings = new Set();

  add(secret) {
    if (!secret || secret.length < SHORT) return;
    for (const spelling of [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)]) this.#spellings.add(spelling);
  }

  mask(text) {
    for (const spelling of this.#spellings) if (text.includes(spelling)) text = text.replaceAll(spelling, MASK);
    return text;
  }
}

export class Frames {
  constructor(secrets, onChange) {
    this.secrets = secrets;
    this.onChange = onChange;
    this.count = 0;
    // What a frame is compared with: the channel at the time
    this.context = null;
    this.clear();
  }

  clear() {
    this.list = [];
    this.dropped = 0;
    this.characters = 0;
    this.last = null;
    this.onChange?.(true);
  }

  /** `data` is a text or an ArrayBuffer; `direction` is "out", "in" or "note". */
  add(direction, data, at = Date.now()) {
    const binary = typeof data !== "string";
    const size = binary ? data.byteLength : data.length;
    const text = this.secrets.mask(binary ? hex(data, this.secrets) : data);
    const frame = { number: this.count++, direction, at, context: this.context, delta: this.last === null ? null : at - this.last, binary, size, text: text.length > MAX_FRAME ? text.slice(0, MAX_FRAME) : text, cut: text.length > MAX_FRAME };
    this.last = at;
    this.characters += frame.text.length;
    this.list.push(frame);
    let removed = false;
    if (this.list.length >= MAX_FRAMES + SPARE || this.characters > MAX_CHARACTERS) removed = this.#drop();
    this.onChange?.(removed);
    return frame;
  }

  #drop() {
    let count = 0;
    while (count < this.list.length - 1 && (this.list.length - count > MAX_FRAMES || this.characters > MAX_CHARACTERS * 0.9)) this.characters -= this.list[count++].text.length;
    this.list.splice(0, count);
    this.dropped += count;
    return true;
  }
}

/** Bytes as pairs of digits; the secret's own bytes are masked before. */
function hex(buffer, secrets) {
  const view = new Uint8Array(buffer, 0, Math.min(buffer.byteLength, MAX_FRAME / 3));
  const latin = Array.from(view, (byte) => String.fromCharCode(byte)).join("");
  if (secrets.mask(latin) !== latin) return `(binary, holds the credential: ${MASK})`;
  return Array.from(view, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

/** "de ad be ef" → bytes; null where it is something else. */
export function fromHex(text) {
  const digits = text.replace(/0x|[\s,:]/gi, "");
  if (digits.length % 2 || /[^0-9a-f]/i.test(digits)) return null;
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

// Pixels, as in the style sheet
const ROW = 30;
// Rows drawn above and below
const MARGIN = 10;

export class Watch {
  constructor(frames, judge, describe) {
    Object.assign(this, { frames, judge, describe, paused: false, raw: false, selected: null, shown: [], next: 0, scheduled: false, until: Infinity });
    this.list = $("frames");
    this.rows = $("frame-rows");
    frames.onChange = (removed) => this.changed(removed);
    this.list.addEventListener("scroll", () => this.schedule(), { passive: true });
    this.list.addEventListener("keydown", (event) => this.key(event));
    this.rows.addEventListener("click", (event) => {
      const row = event.target.closest("[data-at]");
      if (row) this.select(this.shown[Number(row.dataset.at)]);
    });
    for (const id of ["filter", "filter-direction"]) $(id).addEventListener("input", () => this.restart());
    $("pause").addEventListener("click", () => this.pause(!this.paused));
    $("clear").addEventListener("click", () => { this.select(null); frames.clear(); });
    $("export").addEventListener("click", () => this.export());
    $("raw").addEventListener("click", () => { this.raw = !this.raw; this.detail(); });
    $("close-detail").addEventListener("click", () => { this.select(null); this.list.focus(); });
    new ResizeObserver(() => this.schedule()).observe(this.list);
    this.restart();
  }

  changed(removed) {
    if (removed) this.removed = true;
    this.schedule();
  }

  pause(paused) {
    this.paused = paused;
    this.until = paused ? this.frames.count : Infinity;
    $("pause").textContent = paused ? "Resume" : "Pause";
    $("pause").setAttribute("aria-pressed", String(paused));
    this.schedule();
  }

  /** The filter changed, or old frames went: look at all of them again. */
  restart() {
    this.shown = [];
    this.next = 0;
    const query = $("filter").value.trim().toLowerCase();
    const direction = $("filter-direction").value;
    this.passes = (frame) => {
      if (direction === "invalid" ? !(this.verdict(frame).complaints?.length > 0) : direction && frame.direction !== direction) return false;
      return !query || frame.text.toLowerCase().includes(query) || (this.verdict(frame).name ?? "").toLowerCase().includes(query);
    };
    this.schedule();
  }

  verdict(frame) {
    return (frame.verdict ??= this.judge(frame));
  }

  schedule() {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      this.draw();
    });
  }

  draw() {
    const { list, count } = this.frames;
    const first = list[0]?.number ?? count;
    const above = this.shown.length;
    if (this.removed) {
      this.removed = false;
      const kept = this.shown.findIndex((frame) => frame.number >= first);
      this.shown = kept < 0 ? [] : this.shown.slice(kept);
      if (this.selected?.number < first) this.select(null);
      if (!list.length && this.paused) this.pause(false);
    }
    const follow = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < ROW * 2;
    const end = Math.min(count, this.until);
    for (this.next = Math.max(this.next, first); this.next < end; this.next++) if (this.passes(list[this.next - first])) this.shown.push(list[this.next - first]);
    this.rows.style.height = `${this.shown.length * ROW}px`;
    if (follow && !this.paused && this.shown.length !== above) this.list.scrollTop = this.list.scrollHeight;
    this.paint();
    this.caption(count - end);
  }

  paint() {
    const first = Math.max(0, Math.floor(this.list.scrollTop / ROW) - MARGIN);
    const last = Math.min(this.shown.length, Math.ceil((this.list.scrollTop + this.list.clientHeight) / ROW) + MARGIN);
    const rows = [];
    for (let at = first; at < last; at++) rows.push(this.row(this.shown[at], at));
    this.rows.replaceChildren(...rows);
    this.list.hidden = this.shown.length === 0;
    const active = this.selected ? this.shown.indexOf(this.selected) : -1;
    if (active >= first && active < last) this.list.setAttribute("aria-activedescendant", `frame-${active}`);
    else this.list.removeAttribute("aria-activedescendant");
  }

  row(frame, at) {
    const verdict = this.verdict(frame);
    const row = h("div", {
      class: `frame ${frame.direction}`, role: "option", id: `frame-${at}`, "data-at": at, "aria-selected": String(frame === this.selected), "aria-setsize": this.shown.length, "aria-posinset": at + 1,
    },
    h("span.arrow", h("span.sr", WORDS[frame.direction]), h("span", { "aria-hidden": "true" }, ARROWS[frame.direction])),
    h("time", clock(frame.at).slice(0, 12)),
    h("span.delta", frame.delta === null ? "" : delta(frame.delta)),
    h("span.name", verdict.name ?? (frame.binary ? "binary" : "")),
    h("span.text", frame.text.slice(0, 300)),
    verdict.complaints?.length > 0 && h("span.invalid", { title: verdict.complaints[0] }, h("span.sr", "does not fit its schema"), h("span", { "aria-hidden": "true" }, "!")));
    row.style.top = `${at * ROW}px`;
    return row;
  }

  caption(waiting) {
    const { list, dropped } = this.frames;
    const parts = [];
    if (list.length) parts.push(this.shown.length === list.length ? `${list.length} ${list.length === 1 ? "frame" : "frames"}` : `${this.shown.length} of ${list.length} frames`);
    if (waiting > 0) parts.push(`${waiting} since the pause`);
    if (dropped) parts.push(`${dropped} older ones dropped`);
    $("frame-count").textContent = parts.join(" · ");
    $("no-frames").hidden = this.shown.length > 0;
    $("no-frames").textContent = list.length ? "No frame passes the filter." : "What is sent and received appears here.";
  }

  key(event) {
    const page = Math.max(1, Math.floor(this.list.clientHeight / ROW) - 1);
    const at = this.selected ? this.shown.indexOf(this.selected) : this.shown.length;
    const target = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: this.shown.length - 1 }[event.key];
    if (event.key === "Escape" && this.selected) this.select(null);
    if (target === undefined || !this.shown.length) return;
    event.preventDefault();
    this.select(this.shown[Math.max(0, Math.min(this.shown.length - 1, target))]);
  }

  select(frame) {
    this.selected = frame;
    this.detail();
    const at = frame ? this.shown.indexOf(frame) : -1;
    if (at >= 0) {
      if (at * ROW < this.list.scrollTop) this.list.scrollTop = at * ROW;
      if ((at + 1) * ROW > this.list.scrollTop + this.list.clientHeight) this.list.scrollTop = (at + 1) * ROW - this.list.clientHeight;
    }
    this.schedule();
  }

  detail() {
    const frame = this.selected;
    $("detail").hidden = !frame;
    if (!frame) return;
    const verdict = this.verdict(frame);
    $("detail-head").replaceChildren(
      h("strong", verdict.name ?? (frame.binary ? "Binary" : frame.direction === "note" ? "Connection" : "Text")),
      h("span.muted", [WORDS[frame.direction], clock(frame.at), frame.direction !== "note" && `${frame.size} ${frame.binary ? "bytes" : "characters"}`, frame.cut && "cut"].filter(Boolean).join(" · ")));
    $("detail-verdict").replaceChildren(...this.describe(verdict));
    let value;
    try {
      value = frame.binary || frame.direction === "note" ? undefined : JSON.parse(frame.text);
    } catch {
      value = undefined;
    }
    $("raw").hidden = value === undefined;
    $("raw").setAttribute("aria-pressed", String(this.raw));
    const text = value === undefined || this.raw ? frame.text : pretty(value);
    $("detail-text").replaceChildren(...(value === undefined || this.raw ? [text] : coloured(text)));
    $("detail-copy").replaceChildren(copyButton(text));
  }

  export() {
    const rows = this.shown.map((frame) => {
      const verdict = this.verdict(frame);
      return { time: new Date(frame.at).toISOString(), direction: WORDS[frame.direction], message: verdict.name ?? null, valid: verdict.complaints ? verdict.complaints.length === 0 : null, binary: frame.binary, data: frame.text };
    });
    save("websocket-log.json", "application/json", JSON.stringify(rows, null, 1));
  }
}

const ARROWS = { out: "↑", in: "↓", note: "·" };
const WORDS = { out: "sent", in: "received", note: "connection" };
const delta = (milliseconds) => (milliseconds < 1000 ? `+${milliseconds} ms` : milliseconds < 60_000 ? `+${(milliseconds / 1000).toFixed(1)} s` : `+${Math.round(milliseconds / 60_000)} min`);
