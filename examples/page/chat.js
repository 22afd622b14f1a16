// Rooms that only members may enter. The server checks at the door; the lock here is a courtesy.

import { $, avatar, clock, h, redraw } from "./dom.js";
import { explain } from "./reasons.js";
import { connect, lookAgain, state } from "./session.js";
import { words } from "./timeline.js";

let channel = null;
let room = "general";

export const path = () => `/chat/${room}/`;

export function showRooms() {
  const member = (each) => state.me && each.members.includes(state.me.name);
  redraw(
    $("rooms"),
    ...state.rooms.map((each) =>
      h(
        "li",
        {},
        h(
          "button",
          {
            type: "button",
            class: state.me && !member(each) ? "room locked" : "room",
            "data-key": each.slug,
            "aria-pressed": String(each.slug === room),
            disabled: !state.me,
            title: each.about,
            onclick: () => enter(each.slug),
          },
          h("span", { class: "hash", "aria-hidden": "true" }, "#"),
          each.slug,
          state.me && !member(each) ? h("span", { class: "hidden" }, " (members only)") : "",
        ),
      ),
    ),
  );
}

export function enter(slug = room) {
  leave();
  room = slug;
  showRooms();
  $("chat-notice").hidden = true;
  channel = connect(`chat · #${slug}`, path(), { welcome, frame, closed }, () => enter(slug));
}

export function leave() {
  channel?.leave();
  channel = null;
  $("messages").replaceChildren();
  $("here").textContent = "";
  writable(false);
}

export function invite() {
  notice("", h("p", { class: "muted" }, "Choose somebody under “Who you are”: one click logs in, and the sockets open the way you pick."));
}

function notice(code, ...children) {
  $("chat-notice").dataset.code = code;
  $("chat-notice").replaceChildren(...children);
  $("chat-notice").hidden = false;
}

export function home() {
  room = "general";
}

function welcome({ history, about }) {
  $("messages").replaceChildren(...history.map(line));
  $("here").dataset.about = about;
  writable(true);
  toEnd();
}

function frame(frame) {
  if (frame.type === "here") {
    $("here").replaceChildren(h("span", { class: "dot", "aria-hidden": "true" }), `${$("here").dataset.about} · here now: ${frame.names.join(", ")}`);
  } else if (frame.type === "message") {
    $("messages").append(line(frame));
    toEnd();
  }
}

function closed(code, said) {
  writable(false);
  $("here").textContent = "";
  notice(
    code,
    h("span", { class: "code", "data-tone": explain(code).tone }, String(code)), h("div", {}, ...words(code, said, () => enter())),
  );
  lookAgain();
}

function writable(yes) {
  $("text").disabled = !yes;
  $("composer").querySelector("button").disabled = !yes;
  $("text").placeholder = yes ? `Message #${room}, or write @bob to notify him` : state.me ? "Not connected" : "Log in to write";
}

function line({ author, text, at }) {
  const mine = author === state.me?.name;
  const parts = text.split(/(@\w+)/).map((part) => (part.startsWith("@") ? h("mark", {}, part) : part));
  return h(
    "li",
    { class: mine ? "message mine" : "message" },
    avatar(author),
    h("div", {}, h("p", { class: "meta" }, h("strong", {}, author), h("time", {}, clock(new Date(at * 1000)))), h("p", { class: "text" }, ...parts)),
  );
}

function toEnd() {
  $("log").scrollTop = $("log").scrollHeight;
}

$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (text) channel?.send({ type: "say", text });
  $("text").value = "";
});
