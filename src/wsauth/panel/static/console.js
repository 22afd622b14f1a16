// Trying out: choose how to say who you are, connect, send, watch.

import { applyCookie, clearCookie, command, dial, explain, hold, how, irregular, label, needsToken, readable, readToken, secretOf, shown, socketUrl, whoami, worksInBrowser } from "./auth.js";
import { $, codeBlock, copyButton, duration, h, prose } from "./dom.js";
import { Frames, Secrets, Watch } from "./log.js";
import * as payload from "./payload.js";

const NONE = { id: "(none)", kind: "none", name: "", raw: {} };
const FALLBACK = [
  { id: "q", kind: "query", name: "token", raw: {}, undocumented: true },
  { id: "c", kind: "cookie", name: "access_token", raw: {}, undocumented: true },
];
const MASK = "••••••";
// Seconds before the token's end that are shown as a warning
const SOON = 30;
// Milliseconds within which a refusal follows the opening
const AT_ONCE = 2000;

const secrets = new Secrets();
const frames = new Frames(secrets);
let config;
// Of the document being read
let model;
// Being tried: stays while connected, whatever is being read
let channel;
// The model that channel is from
let home;
let scheme = NONE;
let socket = null;
// {opened, since, token, closing, received, typed} of the socket
let live = null;
let watch;
// The channel that is being read
let reading = null;
let goTo = () => {};

export function start(settings, navigate) {
  config = settings;
  goTo = navigate;
  watch = new Watch(frames, payload.judge, payload.verdictWords);
  $("connect").addEventListener("click", () => (socket ? disconnect() : connect()));
  $("send").addEventListener("click", send);
  payload.start();
  $("payload").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      send();
    }
  });
  setInterval(tick, 1000);
  show("idle", "Not connected");
}

/** Use a channel, unless another one is connected. `operation` preselects what to send. */
export function use(nextModel, next, operation) {
  model = nextModel;
  reading = next;
  if (socket && channel !== next) {
    title();
    return false;
  }
  if (channel !== next) {
    channel = next;
    home = model;
    notice(null);
    fillMethods();
    fillParameters();
    payload.offer(home, channel);
  }
  title();
  if (operation) payload.select(operation);
  return true;
}

function title() {
  $("console-channel").textContent = channel.prefix + channel.address;
  const elsewhere = socket && reading && reading !== channel;
  $("console-elsewhere").hidden = !elsewhere;
  if (elsewhere) $("console-elsewhere").replaceChildren("Still connected here. ", h("button.link", { onclick: () => goTo(home, channel) }, "Back to it"), ", or disconnect to use the channel that you are reading.");
}

// How to say who you are

function methods() {
  const documented = [...channel.security];
  const others = home.schemes.filter((candidate) => candidate.notEnforced && !documented.includes(candidate));
  const fallback = home.schemes.length ? [] : FALLBACK;
  return [...documented, ...others, ...fallback, NONE];
}

function fillMethods() {
  const all = methods();
  const kept = scheme !== NONE && all.find((candidate) => candidate.id === scheme.id && candidate.kind === scheme.kind);
  scheme = kept || all.find(worksInBrowser);
  $("methods").replaceChildren($("methods").firstElementChild, ...all.map((candidate, at) =>
    h("label.choice",
      h("input", { type: "radio", name: "method", value: at, checked: candidate === scheme, onchange: () => { scheme = candidate; fillFields(); } }),
      h("span", h("strong", label(candidate)), h("code", shown(candidate)),
        !worksInBrowser(candidate) && h("span.badge", "not in a browser"),
        candidate.notEnforced && h("span.badge.warn", "not enforced"),
        candidate.undocumented && h("span.badge", "not in the document")))));
  fillFields();
}

function fillFields() {
  const box = $("method-fields");
  box.replaceChildren(prose(how(scheme), "hint"));
  if (scheme.kind === "session") box.append(session());
  if (needsToken(scheme)) box.append(tokenField());
  if (scheme.kind === "cookie") box.append(cookieButtons());
  if (scheme.kind === "ticket") box.append(h("p.hint", "It is used up by Connect, and forgotten here."));
  if (!worksInBrowser(scheme)) {
    box.append(h("p.hint", "Copy a command line instead; put the secret into the environment variable TOKEN first."));
    box.append(codeBlock(command(scheme, currentUrl().href, location.origin), "Command line"));
  }
  $("connect").disabled = !socket && !worksInBrowser(scheme);
  showUrl();
}

function session() {
  const text = h("span", config.whoami ? "Asking who you are …" : "Whether you are logged in shows when you connect.");
  const line = h("p.session", { role: "status" }, text);
  const look = async () => {
    const name = await whoami(config.whoami);
    text.replaceChildren(...(name ? ["Logged in as ", h("strong", name)] : [name === null ? "Not logged in: log in on this site first." : "Cannot tell whether you are logged in."]));
    line.dataset.tone = name ? "good" : name === null ? "bad" : "";
  };
  if (config.whoami) {
    look();
    line.append(" ", h("button.quiet.small", { onclick: look }, "Look again"));
  }
  return line;
}

function tokenField() {
  const noun = scheme.kind === "ticket" ? "Ticket" : "Token";
  const input = h("input", { type: "password", id: "token", autocomplete: "off", spellcheck: "false", "aria-describedby": "token-says" });
  input.value = secretOf(scheme);
  const reveal = h("button.quiet.small", { "aria-pressed": "false", "aria-label": `Show the ${noun.toLowerCase()}` }, "Show");
  reveal.addEventListener("click", () => {
    const hidden = input.type === "password";
    input.type = hidden ? "text" : "password";
    reveal.textContent = hidden ? "Hide" : "Show";
    reveal.setAttribute("aria-pressed", String(hidden));
  });
  input.addEventListener("input", () => {
    hold(scheme, input.value.trim());
    input.removeAttribute("aria-invalid");
    tokenSays();
    showUrl();
  });
  input.addEventListener("keydown", (event) => { if (event.key === "Enter" && scheme.kind !== "cookie") connect(); });
  queueMicrotask(tokenSays);
  return h("div.field", h("label", { for: "token" }, noun), h("div.with-button", input, reveal), h("p.hint", { id: "token-says" }));
}

/** How long a token lasts: [words, tone], or [] where it does not say. */
function lifetime(token) {
  if (token?.expires == null) return [];
  const left = token.expires - Date.now() / 1000;
  return left > 0 ? [`expires in ${duration(left)}`, left < SOON ? "warn" : ""] : [`expired ${duration(-left)} ago`, "bad"];
}

function tokenSays() {
  const line = $("token-says");
  if (!line) return;
  const token = readToken(secretOf(scheme));
  const [end, tone] = lifetime(token);
  line.dataset.tone = tone ?? "";
  line.textContent = ["Kept in this page's memory only", token?.subject && `for ${token.subject}`, end].filter(Boolean).join(" · ");
}

function cookieButtons() {
  const name = h("input", { id: "cookie-name", autocomplete: "off", spellcheck: "false" });
  name.value = scheme.cookieName ?? scheme.name;
  name.addEventListener("input", () => { scheme.cookieName = name.value.trim(); });
  const says = h("p.hint", { id: "cookie-says", role: "status" });
  const tell = ({ ok, text }) => {
    says.textContent = text;
    says.dataset.tone = ok ? "good" : "bad";
  };
  const apply = () => {
    const problem = irregular(scheme, secretOf(scheme));
    if (problem) return tell({ ok: false, text: problem });
    secrets.add(secretOf(scheme));
    return tell(applyCookie(name.value.trim(), secretOf(scheme)));
  };
  return h("div.field", h("label", { for: "cookie-name" }, "Name of the cookie"),
    h("div.with-button", name,
      h("button.quiet.small", { id: "apply-cookie", onclick: apply }, "Apply"),
      h("button.quiet.small", { id: "clear-cookie", onclick: () => tell(clearCookie(name.value.trim())) }, "Clear")), says);
}

// Where to connect

function fillParameters() {
  const fields = (kind, parameters) => parameters.map((parameter) => {
    const id = `${kind}-${parameter.name}`;
    const attributes = { id, "data-kind": kind, "data-name": parameter.name, autocomplete: "off", spellcheck: "false", oninput: showUrl, placeholder: parameter.required ? "required" : "" };
    const input = parameter.choices.length
      ? h("select", attributes, !parameter.required && h("option", { value: "" }, "—"), parameter.choices.map((choice) => h("option", choice)))
      : h("input", attributes);
    input.value = parameter.value;
    return h("div.field.row", h("label", { for: id, title: parameter.description || null }, h("code", parameter.shown)), input);
  });
  $("parameters").replaceChildren(...fields("path", channel.parameters), ...fields("query", channel.query));
  showUrl();
}

function currentUrl() {
  const values = { path: {}, query: {} };
  for (const input of $("parameters").querySelectorAll("[data-kind]")) values[input.dataset.kind][input.dataset.name] = input.value;
  return socketUrl(config, channel, values);
}

const subprotocols = () => $("subprotocols").value.split(/[\s,]+/).filter(Boolean);

function showUrl() {
  const url = currentUrl();
  const hidden = scheme.kind === "query" || scheme.kind === "ticket" ? `${url.search ? "&" : "?"}${encodeURIComponent(scheme.name)}=${MASK}` : "";
  $("url").textContent = readable(url) + hidden;
  const parts = [label(scheme), ...[...$("parameters").querySelectorAll("[data-kind]")].filter((input) => input.value).map((input) => `${input.dataset.name} = ${input.value}`)];
  $("setup-summary").textContent = parts.join(" · ");
}

// Connecting

function connect() {
  const empty = [...$("parameters").querySelectorAll("[data-kind=path]")].find((input) => !input.value);
  if (empty) return complain(empty, `Fill in {${empty.dataset.name}}: it is part of the address.`);
  const given = needsToken(scheme) && scheme.kind !== "cookie";
  const secret = given ? secretOf(scheme) : "";
  const problem = given && irregular(scheme, secret);
  if (problem) {
    $("token").setAttribute("aria-invalid", "true");
    return complain($("token"), problem);
  }
  for (const candidate of methods()) secrets.add(secretOf(candidate));
  const target = dial(currentUrl(), scheme, secret, subprotocols());
  notice(null);
  try {
    socket = new WebSocket(target.url, target.protocols);
  } catch (error) {
    socket = null;
    return complain($("connect"), secrets.mask(error.message));
  }
  socket.binaryType = "arraybuffer";
  const mine = socket;
  const used = scheme;
  live = { opened: false, since: 0, token: needsToken(scheme) ? readToken(secretOf(scheme)) : null, received: false, typed: document.activeElement === $("token") };
  frames.context = { channel, home };
  frames.add("note", `connecting to ${$("url").textContent}`);
  show("connecting", "Connecting …");
  socket.onopen = () => {
    live.opened = true;
    live.since = Date.now();
    frames.add("note", `open${mine.protocol ? `, subprotocol ${mine.protocol}` : ""}`);
    show("open", "Connected");
    // The field that had the focus is gone from here on: hand it over, and back if it comes to nothing
    if (live.typed) $("payload").focus();
    $("setup").open = false;
    if (target.first) {
      mine.send(JSON.stringify(target.first));
      frames.add("out", JSON.stringify({ ...target.first, [used.name]: MASK }));
    }
    tick();
  };
  socket.onmessage = ({ data }) => {
    live.received = true;
    frames.add("in", data);
  };
  socket.onclose = (event) => ended(mine, event);
  if (scheme.kind === "ticket") {
    hold(scheme, "");
    fillFields();
  }
  return undefined;
}

function complain(element, text) {
  $("setup").open = true;
  notice({ what: text });
  element.focus();
}

function disconnect() {
  live.closing = true;
  socket.close(1000);
  show("connecting", "Closing …");
}

function ended(mine, { code, reason }) {
  if (mine !== socket) return;
  const words = explain(channel.codes, { code, reason: secrets.mask(reason), opened: live.opened });
  const byUs = live.closing && code < 1007;
  frames.add("note", `closed, ${code}${reason ? `: ${reason}` : ""}`);
  socket = null;
  const refused = !live.opened || (!live.received && code >= 3000);
  show(byUs ? "idle" : "bad", byUs ? "Disconnected" : refused ? "Refused" : "Closed");
  const again = refused && live.typed && (!live.opened || Date.now() - live.since < AT_ONCE);
  live = null;
  $("setup").open = true;
  notice(byUs ? null : words);
  if (reading && reading !== channel) use(model, reading);
  else title();
  fillFields();
  if (again) $("token")?.focus();
}

function notice(words) {
  const box = $("notice");
  box.hidden = !words;
  if (!words) return box.replaceChildren();
  return box.replaceChildren(
    words.code ? h("span.code", String(words.code)) : "",
    h("div.words",
      h("strong", `${words.what.charAt(0).toUpperCase()}${words.what.slice(1)}.`),
      words.advice && h("p", `What to do: ${words.advice}.`),
      words.said && words.said !== words.what && h("p.muted", `The server said: ${words.said}`),
      words.incident && h("p", "Incident ", h("code", words.incident), ": the server's log explains it under this id. ", copyButton(words.incident, "Copy the id")),
      words.details && h("details", h("summary", "What a browser can know"), "Neither the status nor the reason of a refused upgrade. It is one of these:", h("ul", words.details.map((detail) => h("li", detail))))));
}

function show(state, text) {
  $("status").dataset.state = state;
  $("status-text").textContent = text;
  $("connect").textContent = socket ? (live?.opened === false ? "Cancel" : "Disconnect") : "Connect";
  $("connect").className = socket ? "quiet" : "primary";
  $("connect").disabled = !socket && !worksInBrowser(scheme);
  $("setup-fields").disabled = Boolean(socket);
  $("send").disabled = state !== "open";
  $("facts").hidden = state !== "open";
  if (channel) title();
}

/** Once a second: how long it is open, and how long the token lasts. */
function tick() {
  tokenSays();
  if (!live?.opened || !socket) return;
  const [end, tone] = lifetime(live.token);
  $("facts").replaceChildren(...[
    h("span", `for ${duration((Date.now() - live.since) / 1000)}`), " ",
    socket.protocol && h("span", "subprotocol ", h("code", socket.protocol)), " ",
    end && h("span", { "data-tone": tone }, `token ${end}`),
  ].filter(Boolean));
}

// Sending

function send() {
  const said = payload.payload();
  if (socket?.readyState !== WebSocket.OPEN) payload.say("bad", "Connect first.");
  else if (said !== null) {
    socket.send(said);
    frames.add("out", said.buffer ?? said);
  }
}
