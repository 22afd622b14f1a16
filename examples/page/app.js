// The page: who you are on the left, the application in the middle, what the server decided on the right.

import { api } from "./api.js";
import * as chat from "./chat.js";
import * as dashboard from "./dashboard.js";
import { $, avatar, h, redraw } from "./dom.js";
import * as experiments from "./experiments.js";
import { connect, live, login, logout, lookAgain, onChange, start, state, use } from "./session.js";
import { announce } from "./timeline.js";
import { TRANSPORTS } from "./transports.js";

const TABS = ["chat", "dashboard", "experiments"];
let tab = "chat";
let personal = null;
let unread = 0;
let leaving = false;

// Connecting

function reconnect() {
  disconnect();
  if (tab === "dashboard") dashboard.open();
  if (!state.me) return chat.invite();
  notify();
  chat.enter();
}

function disconnect() {
  personal?.leave();
  personal = null;
  chat.leave();
  dashboard.close();
}

function notify() {
  personal?.leave();
  personal = connect("notifications", "/notifications/", { frame: notified, closed: lookAgain }, notify);
}

onChange((what) => {
  if (what === "start") {
    $("framework").textContent = state.framework;
    document.title = `wsauth demo · ${state.framework}`;
    showTransports();
  }
  if (what === "me") {
    chat.home();
    reset();
    reconnect();
    showPanel(state.me ? "talk" : "you");
  }
  if (what === "transport") reconnect();
  if (what === "lost" && !leaving) message("You are logged out. Log in again.", "bad");
  showPeople();
  showWire();
  chat.showRooms();
  experiments.show();
});

// Who you are

function showPeople() {
  const me = state.me?.name;
  $("whoami").replaceChildren(...(me ? [avatar(me), me] : ["not logged in"]));
  $("logout").hidden = $("logout-everywhere").hidden = !me;
  redraw(
    $("people"),
    ...state.people.map((each) =>
      h(
        "li",
        { class: each.name === me ? "person me" : "person" },
        h(
          "button",
          { type: "button", class: "login", "data-login": each.name, "data-key": `login-${each.name}`, "aria-pressed": String(each.name === me), onclick: () => become(each) },
          avatar(each.name),
          h("span", { class: "who" }, h("span", {}, h("strong", {}, each.name), " ", h("code", {}, each.password)), h("span", { class: "muted" }, each.note)),
        ),
        me && me !== each.name && each.active ? h("button", { type: "button", class: "wave", "data-wave": each.name, "data-key": `wave-${each.name}`, title: `Wave at ${each.name}`, "aria-label": `Wave at ${each.name}`, onclick: () => wave(each.name) }, "wave") : "",
      ),
    ),
  );
}

async function become({ name, password }) {
  const refused = await login(name, password);
  message(refused ? `${name}: ${refused}.` : `Logged in as ${name}.`, refused ? "bad" : "good");
}

function message(text, tone = "") {
  $("login-message").textContent = text;
  $("login-message").dataset.tone = tone;
}

$("logout").addEventListener("click", async () => {
  await logout();
  message("Logged out of this browser.");
});

$("logout-everywhere").addEventListener("click", async () => {
  leaving = true;
  const { closed } = await api.logoutEverywhere();
  await lookAgain();
  leaving = false;
  message(`The server closed ${closed} ${closed === 1 ? "socket" : "sockets"} of yours, in every tab.`, "bad");
});

// Notifications

async function wave(name) {
  await api.wave(name);
  announce(`You waved at ${name}.`);
}

function notified({ from, kind, room, text }) {
  if (unread++ === 0) $("notifications").replaceChildren();
  const what = kind === "wave" ? " waves at you." : ` mentioned you in #${room}: `;
  $("notifications").prepend(h("li", {}, avatar(from), h("p", {}, h("strong", {}, from), what, text)));
  $("bell-label").textContent = `Notifications: ${unread}`;
  $("bell").classList.add("ringing");
  announce(`${from}${what}${text}`);
}

function reset() {
  unread = 0;
  $("bell").open = false;
  $("bell").classList.remove("ringing");
  $("bell-label").textContent = "Notifications: none";
  $("notifications").replaceChildren(h("li", { class: "muted" }, "Nobody has mentioned you yet."));
}

$("bell").addEventListener("toggle", () => $("bell").classList.remove("ringing"));

// How the socket authenticates

function showTransports() {
  $("transports").append(
    ...Object.entries(TRANSPORTS).map(([name, each]) =>
      h(
        "label",
        { class: "choice" },
        h("input", { type: "radio", name: "transport", value: name, checked: name === state.transport, onchange: () => use(name) }),
        h("span", {}, h("strong", {}, each.label), h("span", { class: "muted" }, each.note)),
      ),
    ),
  );
}

function showWire() {
  $("wire").textContent = TRANSPORTS[state.transport].wire(chat.path());
  $("lifetimes").disabled = state.transport === "session";
}

$("lifetimes").addEventListener("change", (event) => live(Number(event.target.value)));

// Tabs and, on small screens, panels

function select(name, focus = false) {
  if (tab === "dashboard" && name !== "dashboard") dashboard.close();
  if (name === "dashboard" && tab !== "dashboard") dashboard.open();
  tab = name;
  for (const each of TABS) {
    const button = $(`tab-${each}`);
    button.setAttribute("aria-selected", String(each === name));
    button.tabIndex = each === name ? 0 : -1;
    if (each === name && focus) button.focus();
    $(each).hidden = each !== name;
  }
}

for (const [index, name] of TABS.entries()) {
  $(`tab-${name}`).addEventListener("click", () => select(name));
  $(`tab-${name}`).addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) select(TABS[(index + step + TABS.length) % TABS.length], true);
  });
}

function showPanel(name) {
  document.body.dataset.panel = name;
  for (const each of document.querySelectorAll("[data-shows]")) {
    if (each.dataset.shows === name) each.setAttribute("aria-current", "true");
    else each.removeAttribute("aria-current");
  }
}

for (const button of document.querySelectorAll("[data-shows]")) {
  button.addEventListener("click", () => showPanel(button.dataset.shows));
}

start();
