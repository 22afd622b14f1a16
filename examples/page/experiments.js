// Sockets that must not get in, and what the page is told.

import { api } from "./api.js";
import { $, h } from "./dom.js";
import { RETRY, REASONS, explain } from "./reasons.js";
import { state } from "./session.js";
import { Channel } from "./socket.js";
import { words } from "./timeline.js";
import { ODD, TRANSPORTS } from "./transports.js";

const PATH = "/notifications/";
const EXPERIMENTS = [
  { id: "wrong", title: "A wrong token", note: "signed with another key", order: { kind: "wrong" } },
  { id: "expired", title: "An expired token", note: "good until a minute ago", order: { kind: "expired" } },
  { id: "refresh", title: "A refresh token", note: "right key, wrong kind", order: { kind: "refresh" } },
  { id: "garbled", title: "Not a token", note: "three words and two dots", order: { kind: "garbled" } },
  { id: "inactive", title: "An inactive user", note: "the token is fine, dave is not", order: { kind: "access", of: "dave" } },
  { id: "missing", title: "No credential", note: "where cookies do not count", odd: "nothing" },
  { id: "both", title: "Two credentials", note: "query and subprotocol", odd: "both" },
  { id: "silence", title: "Silence", note: "no first message, 5 s", odd: "silence" },
];
const refusals = [];

/** A session cookie cannot be forged from a page, so tokens stand in for it. */
const way = () => (state.transport === "session" ? "query" : state.transport);

export function show() {
  $("experiment-transport").textContent =
    state.transport === "session"
      ? "A page cannot forge a session cookie, so bad tokens travel as ?token=…"
      : `Bad tokens travel the way you chose: ${TRANSPORTS[way()].label}.`;
  $("experiment-list").replaceChildren(
    ...EXPERIMENTS.map((each) =>
      h(
        "li",
        {},
        h("button", { type: "button", class: "experiment", "data-experiment": each.id, disabled: !state.me && !each.odd, onclick: () => run(each) }, h("strong", {}, each.title), h("span", {}, each.note)),
      ),
    ),
  );
}

function run({ title, order, odd }) {
  const transport = TRANSPORTS[way()];
  const full = { lifetime: 600, kind: "access", ...order };
  result(h("p", { class: "muted" }, `${title}: connecting …`));
  const open = odd ? () => ODD[odd](PATH, full) : () => transport.open(PATH, full);
  const label = odd ? "nothing in the handshake" : transport.label;
  const channel = new Channel(`experiment · ${title}`, odd === "both" ? "query and subprotocol" : label, open, {
    welcome: () => result(h("p", {}, "It got in. That should not have happened.")),
    closed: async (code, said) => {
      result(h("span", { class: "code", "data-tone": explain(code).tone }, String(code)), h("div", {}, h("p", { class: "muted" }, title), ...words(code, said), rationed(code)));
      $("experiment-result").dataset.code = code;
      if (way() === "cookie" && !odd) await api.tokenCookie({ kind: "access", lifetime: state.lifetime }).catch(() => {});
    },
  });
  return channel;
}

/** After five refusals in ten seconds a server stops accepting sockets only to close them. */
function rationed(code) {
  const now = performance.now();
  refusals.push(now);
  const recent = refusals.filter((at) => now - at < 10_000).length;
  return code === 1006 && recent > 5
    ? h("p", { class: "hint" }, "You have been refused more than five times in ten seconds: the server now answers over HTTP only, which a page cannot read. Wait ten seconds.")
    : "";
}

function result(...children) {
  delete $("experiment-result").dataset.code;
  $("experiment-result").replaceChildren(...children);
}

$("codes").tBodies[0].replaceChildren(
  ...Object.entries(REASONS).map(([code, each]) =>
    h("tr", {}, h("th", { scope: "row" }, h("code", { "data-tone": each.tone }, code)), h("td", {}, h("strong", {}, each.title), ". ", each.words), h("td", {}, each.advice), h("td", {}, RETRY[each.retry])),
  ),
);

$("curl").textContent = [
  `curl -i --http1.1 --max-time 5 \\`,
  `  ${location.origin}/ws/notifications/ \\`,
  `  -H 'Origin: https://evil.example' \\`,
  `  -H 'Connection: Upgrade' -H 'Upgrade: websocket' \\`,
  `  -H 'Sec-WebSocket-Version: 13' \\`,
  `  -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='`,
].join("\n");
$("copy-curl").addEventListener("click", async () => {
  await navigator.clipboard.writeText($("curl").textContent);
  $("copy-curl").textContent = "Copied";
});
