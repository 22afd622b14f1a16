// One connection of the page, and what becomes of it.

import { Card } from "./timeline.js";

export class Channel {
  /** `open` returns a WebSocket; `on` has optional welcome, frame, closed and failed. */
  constructor(what, transport, open, on = {}, again = null) {
    this.card = new Card(what, transport);
    this.on = on;
    this.again = again;
    this.done = false;
    this.ready = this.#start(open);
  }

  async #start(open) {
    let socket;
    try {
      socket = await open();
    } catch (error) {
      this.done = true;
      this.card.failed(error.message);
      this.on.failed?.();
      return;
    }
    this.socket = socket;
    if (this.done) return hangUp(socket);
    socket.addEventListener("message", (event) => this.#frame(JSON.parse(event.data)));
    socket.addEventListener("close", (event) => this.#closed(event));
  }

  #frame(frame) {
    if (this.done) return;
    if (frame.type === "welcome") {
      this.card.opened(this.socket, frame);
      this.on.welcome?.(frame);
    } else this.on.frame?.(frame);
  }

  #closed({ code, reason }) {
    if (this.done) return;
    this.done = true;
    this.card.closed(code, reason, this.again);
    this.on.closed?.(code, reason);
  }

  send(frame) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  /** Close it because the page is done with it. */
  leave() {
    if (this.done) return;
    this.done = true;
    if (this.socket) hangUp(this.socket);
    this.card.leftByPage();
  }
}

/** Browsers complain, with the whole address, about a socket that is closed before it is open: wait for that. */
function hangUp(socket) {
  if (socket.readyState === WebSocket.CONNECTING) socket.addEventListener("open", () => socket.close(1000));
  else socket.close(1000);
}
