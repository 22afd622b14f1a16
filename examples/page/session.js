// What the page knows: who is logged in, and how sockets authenticate. Others listen for changes.

import { api } from "./api.js";
import { Channel } from "./socket.js";
import { TRANSPORTS } from "./transports.js";

export const state = { me: null, framework: "", people: [], rooms: [], transport: "session", lifetime: 600 };

const listeners = [];
export const onChange = (listener) => listeners.push(listener);
const changed = (what) => listeners.forEach((listener) => listener(what));

function known(answer) {
  state.me = answer.user;
  state.framework = answer.framework ?? state.framework;
}

export async function start() {
  const [seed, me] = await Promise.all([api.people(), api.me()]);
  Object.assign(state, { people: seed.people, rooms: seed.rooms });
  known(me);
  await api.clearTokenCookie(); // of an earlier visit
  changed("start");
  changed("me");
}

export async function login(name, password) {
  const answer = await api.login(name, password);
  if (!answer.ok) return answer.detail ?? "The server refused the login.";
  await api.clearTokenCookie();
  known(answer);
  changed("me");
  return "";
}

export async function logout() {
  await api.clearTokenCookie();
  known(await api.logout());
  changed("me");
}

/** Ask whether the login still counts, after a socket was closed because of it. */
export async function lookAgain() {
  const before = state.me?.name;
  try {
    known(await api.me());
  } catch {
    return; // the server is away; the sockets say so
  }
  if (state.me?.name !== before) changed("lost");
}

export async function use(transport) {
  state.transport = transport;
  if (transport !== "cookie") await api.clearTokenCookie(); // else it would decide, and not the session
  changed("transport");
}

export function live(lifetime) {
  state.lifetime = lifetime;
  changed("transport");
}

/** Open a socket the way the switch says. */
export function connect(what, path, on = {}, again = null) {
  const transport = TRANSPORTS[state.transport];
  const order = { kind: "access", lifetime: state.lifetime };
  return new Channel(what, transport.label, () => transport.open(path, order), { failed: lookAgain, ...on }, again);
}
