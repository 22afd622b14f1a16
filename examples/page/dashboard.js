// Live figures, for whoever has the permission. The socket is open only while the tab is.

import { $, duration, h } from "./dom.js";
import { explain } from "./reasons.js";
import { connect, lookAgain, state } from "./session.js";
import { words } from "./timeline.js";

const POINTS = 60;
let channel = null;
let history = [];

export function open() {
  close();
  if (!state.me) return say(h("p", {}, "Log in first, then see who may look at this."));
  $("dashboard-notice").hidden = true;
  channel = connect("dashboard", "/dashboard/", { welcome: () => ($("figures").hidden = false), frame: show, closed }, open);
}

export function close() {
  channel?.leave();
  channel = null;
  history = [];
  $("figures").hidden = true;
}

function closed(code, said) {
  $("figures").hidden = true;
  $("dashboard-notice").dataset.code = code;
  say(h("span", { class: "code", "data-tone": explain(code).tone }, String(code)), h("div", {}, ...words(code, said, open)));
  lookAgain();
}

function say(...children) {
  $("dashboard-notice").replaceChildren(...children);
  $("dashboard-notice").hidden = false;
}

function show(frame) {
  $("figure-connections").textContent = frame.connections;
  $("figure-people").textContent = frame.people;
  $("figure-messages").textContent = frame.messages_per_minute;
  $("figure-uptime").textContent = duration(frame.uptime);
  history = [...history, frame.connections].slice(-POINTS);
  draw();
  const most = Math.max(1, ...Object.values(frame.schemes));
  $("schemes").replaceChildren(
    ...Object.entries(frame.schemes).map(([name, count]) => h("li", {}, h("code", {}, name), h("progress", { max: most, value: count, "aria-label": name }), h("span", {}, String(count)))),
  );
}

function draw() {
  const top = Math.max(4, ...history) * 1.15;
  const at = (value, index) => `${(600 * (index + POINTS - history.length)) / (POINTS - 1)},${120 - (value / top) * 120}`;
  const line = history.map(at);
  $("spark-line").setAttribute("d", `M${line.join("L")}`);
  $("spark-area").setAttribute("d", `M${line[0].split(",")[0]},120L${line.join("L")}L600,120Z`);
}
