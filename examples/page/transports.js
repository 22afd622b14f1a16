// Five ways to bring a credential. Tokens are fetched for one connection and forgotten: never in storage or the page's URL.

import { api } from "./api.js";

const address = (path) => `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;

export const TRANSPORTS = {
  session: {
    label: "Session cookie",
    note: "sent by itself",
    wire: (path) => `ws = new WebSocket(\n  "/ws${path}")\n// + Cookie: session=…`,
    open: async (path) => new WebSocket(address(`/ws${path}`)),
  },
  cookie: {
    label: "JWT in a cookie",
    note: "HttpOnly",
    wire: (path) => `await post("/api/token-cookie")\nws = new WebSocket(\n  "/ws${path}")\n// + Cookie: access_token=…`,
    open: async (path, order) => {
      await api.tokenCookie(order);
      return new WebSocket(address(`/ws${path}`));
    },
  },
  query: {
    label: "JWT in the query",
    note: "?token=…",
    wire: (path) => `token = await freshToken()\nws = new WebSocket(\n  "/ws${path}" +\n  "?token=" + token)\n// kept out of the log`,
    open: async (path, order) => {
      const token = await api.token(order);
      return new WebSocket(address(`/ws${path}?token=${encodeURIComponent(token)}`));
    },
  },
  subprotocol: {
    label: "Subprotocol",
    note: '["bearer", token]',
    wire: (path) => `token = await freshToken()\nws = new WebSocket(\n  "/ws${path}",\n  ["bearer", token])\n// answered: "bearer"`,
    open: async (path, order) => {
      const token = await api.token(order);
      return new WebSocket(address(`/ws${path}`), ["bearer", token]);
    },
  },
  first: {
    label: "First message",
    note: '{"type": "auth", …}',
    wire: (path) => `token = await freshToken()\nws = new WebSocket(\n  "/ws/first${path}")\nws.onopen = () => ws.send(\n  '{"type": "auth", "token": …}')`,
    open: async (path, order) => {
      const token = await api.token(order);
      const socket = new WebSocket(address(`/ws/first${path}`));
      socket.addEventListener("open", () => socket.send(JSON.stringify({ type: "auth", token })));
      return socket;
    },
  },
};

/** Sockets that bring nothing, or too much. */
export const ODD = {
  nothing: async (path) => new WebSocket(address(`/ws/tokens${path}`)),
  silence: async (path) => new WebSocket(address(`/ws/first${path}`)),
  both: async (path, order) => {
    const token = await api.token(order);
    return new WebSocket(address(`/ws${path}?token=${encodeURIComponent(token)}`), ["bearer", token]);
  },
};
