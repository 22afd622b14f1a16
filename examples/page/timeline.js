// "What the server decided": one card per connection, newest first.

import { $, clock, duration, h } from "./dom.js";
import { explain, RETRY } from "./reasons.js";

const KEPT = 30;
const counting = new Set();

export function announce(text) {
  $("announcer").textContent = text;
}

export class Card {
  constructor(what, transport) {
    this.what = what;
    this.state = h("span", { class: "state" }, "connecting");
    this.body = h("div", { class: "card-body" });
    this.element = h(
      "li",
      { class: "card", "data-what": what, "data-state": "connecting" },
      h("div", { class: "card-head" }, h("strong", {}, what), this.state),
      h("p", { class: "card-sub" }, `${transport} · ${clock()}`),
      this.body,
    );
    const timeline = $("timeline");
    timeline.querySelector(".empty")?.remove();
    timeline.prepend(this.element);
    while (timeline.children.length > KEPT) timeline.lastElementChild.remove();
  }

  opened(socket, welcome) {
    this.#become("open", "open");
    this.countdown = h("span", {}, "");
    this.bar = h("progress", { max: "1", value: "1", "aria-label": "Time left" });
    const expires = welcome.expires_at;
    this.body.replaceChildren(
      h(
        "dl",
        { class: "facts" },
        fact("identity", h("span", {}, welcome.name, h("span", { class: "muted" }, ` subject ${welcome.subject}`))),
        fact("scheme", h("code", {}, welcome.scheme)),
        fact("subprotocol", socket.protocol ? h("code", {}, socket.protocol) : "none"),
        fact("expires", expires ? this.countdown : "with the session"),
      ),
      expires - welcome.now < 3600 ? this.bar : "",
    );
    if (expires) {
      this.total = expires - welcome.now;
      this.end = performance.now() / 1000 + this.total;
      counting.add(this);
      this.tick();
    }
    announce(`${this.what}: connected as ${welcome.name} by ${welcome.scheme}`);
  }

  tick() {
    const left = this.end - performance.now() / 1000;
    this.countdown.textContent = `in ${duration(left)}`;
    this.bar.value = Math.max(0, left / this.total);
    this.element.classList.toggle("soon", left < 11);
  }

  /** `said` is the server's own reason text, `again` what the button does. */
  closed(code, said, again) {
    counting.delete(this);
    this.element.classList.remove("soon");
    const reason = explain(code);
    this.#become(reason.tone, `${code}`);
    this.bar?.remove();
    if (this.countdown) this.countdown.textContent = "over";
    this.body.append(...words(code, said, again));
    announce(`${this.what}: ${code}, ${reason.title}. ${reason.advice}`);
  }

  /** The page itself was done with it. */
  leftByPage() {
    counting.delete(this);
    this.element.classList.remove("soon");
    this.#become("gone", "closed by this page");
    this.body.replaceChildren();
  }

  /** The page could not even try. */
  failed(why) {
    this.#become("gone", "not tried");
    this.body.replaceChildren(h("p", {}, `No socket was opened: ${why}.`));
  }

  #become(state, text) {
    this.element.dataset.state = state;
    this.state.textContent = text;
  }
}

const fact = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));

/** The plain words for a close code, with a button where trying again makes sense. */
export function words(code, said, again) {
  const reason = explain(code);
  return [
    h("p", { class: "words" }, h("strong", {}, reason.title), ". ", reason.words),
    h("p", { class: "advice" }, reason.advice, h("span", { class: "retry", "data-retry": reason.retry }, `retry: ${RETRY[reason.retry]}`)),
    said ? h("p", { class: "said" }, "server: ", h("code", {}, said)) : null,
    again && reason.action ? h("button", { type: "button", class: "quiet again", onclick: again }, reason.action) : null,
  ].filter(Boolean);
}

setInterval(() => counting.forEach((card) => card.tick()), 500);
