// The page: what there is on the left, reading in the middle, trying out on the right. The address after # says what is read.

import { allCodes, command, how, javascript, label, readable, shown, socketUrl, worksInBrowser } from "./auth.js";
import { readDocument, rows, sample, typeName } from "./document.js";
import { $, codeBlock, coloured, copyButton, h, pretty, prose } from "./dom.js";

const NARROW = matchMedia("(max-width: 860px)");
const models = new Map();
let config;
let spec;
let model;
// The module that connects, loaded only where trying out is on
let trying = null;
let current = {};

// Addresses

const part = encodeURIComponent;
const prefix = (name = spec.name) => (config.specs.length > 1 ? `#~${part(name)}/` : "#");
const link = {
  overview: () => prefix() || "#",
  channel: (channel) => `${prefix()}channel/${part(channel.id)}`,
  operation: (channel, operation) => `${prefix()}channel/${part(channel.id)}/${part(operation.id)}`,
  security: () => `${prefix()}security`,
  scheme: (scheme) => `${prefix()}security/${part(scheme.id)}`,
  codes: () => `${prefix()}codes`,
};

function route() {
  const parts = location.hash.slice(1).split("/").map((text) => {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  });
  const name = parts[0]?.startsWith("~") ? parts.shift().slice(1) : "";
  return { name, view: parts[0] ?? "", id: parts[1] ?? "", operation: parts[2] ?? "" };
}

// Documents

async function load(entry) {
  if (!models.has(entry.name)) {
    const response = await fetch(entry.url, { credentials: "same-origin", cache: "no-store" });
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    models.set(entry.name, readDocument(await response.json()));
  }
  return models.get(entry.name);
}

async function follow({ first = false } = {}) {
  const asked = route();
  const entry = config.specs.find((candidate) => candidate.name === asked.name) ?? config.specs[0];
  if (entry !== spec) {
    try {
      model = await load(entry);
    } catch (error) {
      $("reading").replaceChildren(h("h1", { tabindex: "-1" }, "The document could not be read"), h("p", String(error.message)));
      return;
    }
    spec = entry;
    $("specs").value = entry.name;
    fillNavigation();
  }
  current = asked;
  draw(first);
}

// Reading

function draw(first) {
  const channel = current.view === "channel" ? model.channels.find((candidate) => candidate.id === current.id) : null;
  const example = channel ?? model.channels[0] ?? { address: "/", prefix: "" };
  const context = { model, link, config, url: spec.url, origin: location.origin, socketUrl: readable(socketUrl(config, example)), onTry: (operation) => openConsole(operation), channel };
  const views = { security: securityView, codes: codesView };
  const view = channel ? channelView : views[current.view] ?? overviewView;
  $("reading").replaceChildren(...view(context).flat(Infinity).filter(Boolean));
  const name = channel ? channel.address : { security: "Security", codes: "Close codes" }[current.view];
  document.title = `${name ? `${name} · ` : ""}${config.title || model.title}`;
  for (const anchor of $("navigation").querySelectorAll("a")) {
    if (anchor.getAttribute("href") === location.hash || (channel && anchor.dataset.channel === channel.id && anchor.dataset.top)) anchor.setAttribute("aria-current", "page");
    else anchor.removeAttribute("aria-current");
  }
  if (channel && trying) trying.use(model, channel);
  $("try-tab").disabled = !trying || (!channel && $("console").hidden);
  place(first);
}

/** Put the eye, and the focus, where the address points. */
function place(first) {
  const target = current.operation ? $(`op-${current.operation}`) : current.view === "security" && current.id ? $(`scheme-${current.id}`) : null;
  $("reading").scrollTop = 0;
  if (target) target.scrollIntoView({ block: "start" });
  if (!first) {
    (target ?? $("reading").querySelector("h1"))?.focus({ preventScroll: Boolean(target) });
    if (NARROW.matches) panel("reading");
  }
  target?.closest("article")?.classList.add("target");
}

// What one reads: the overview, a channel, the security schemes, the close codes

/** The address with its parameters set apart. */
const address = (text) =>
  h("span.address", text.split(/(\{[^{}]*\})/).map((part, at) => (at % 2 ? h("span.hole", part) : part)));

const badge = (text, tone = "") => h("span", { class: `badge ${tone}` }, text);
const table = (name, heads, body, className = "") =>
  h("div.scroll", { tabindex: "0", role: "group", "aria-label": name }, h("table", { class: className }, h("thead", h("tr", heads.map((head) => h("th", { scope: "col" }, head)))), h("tbody", body)));

function overviewView({ model, link, config, url }) {
  const open = model.channels.filter((channel) => channel.unguarded);
  return [
    h("header.head",
      h("p.over", [model.version && `Version ${model.version}`, model.asyncapi && `AsyncAPI ${model.asyncapi}`].filter(Boolean).join(" · ")),
      h("h1", { tabindex: "-1" }, model.title),
      prose(model.description, "prose lead")),
    open.length > 0 && warning(`${open.length === 1 ? "One channel is" : `${open.length} channels are`} not guarded`, "No policy decides who may connect to ", join(open.map((channel) => h("a", { href: link.channel(channel) }, channel.address))), "."),
    model.notEnforced.length > 0 && warning("Declared, but not enforced", "The settings name ", join(model.notEnforced.map((name) => h("code", name))), ", and no policy asks for it."),
    h("h2", "Channels"),
    model.channels.length === 0 && h("p.muted", "This document has no channels."),
    h("ul.cards", model.channels.map((channel) => h("li", h("a.card", { href: link.channel(channel) },
      h("span.card-head", address(channel.prefix + channel.address), guard(channel)),
      (channel.summary || channel.title) && h("span.muted", channel.summary || channel.title),
      h("span.tally", tally(channel)))))),
    model.schemes.length > 0 && [h("h2", h("a", { href: link.security() }, "How to say who you are")), schemeList(model.schemes, link)],
    h("p.foot", "The document itself: ", h("a", { href: url, download: "asyncapi.json" }, "asyncapi.json"), config.tryItOut ? "" : ". Trying out is switched off here."),
  ];
}

const join = (items) => items.flatMap((item, at) => (at ? [at === items.length - 1 ? " and " : ", ", item] : [item]));

function tally(channel) {
  const out = channel.operations.filter((operation) => operation.direction === "out").length;
  const into = channel.operations.length - out;
  return [out && `you send ${out}`, into && `you receive ${into}`].filter(Boolean).join(" · ") || "no messages described";
}

function guard(channel) {
  if (channel.unguarded) return badge("not guarded", "bad");
  if (channel.reportOnly) return badge("report only", "warn");
  if (channel.closed) return badge("closed to everyone", "warn");
  if (!channel.security.length) return badge("no security stated", "warn");
  return badge(channel.optional ? "login optional" : "login required", "good");
}

const warning = (title, ...text) => h("div.callout.warn", h("strong", title), h("p", ...text));

function channelView({ model, channel, link, config, onTry, socketUrl }) {
  return [
    h("header.head",
      h("p.over", "Channel ", h("code", channel.id), channel.tags.map((tag) => [" ", badge(tag)])),
      h("h1.mono", { tabindex: "-1" }, address(channel.prefix + channel.address)),
      h("div.badges", guard(channel), channel.deprecated && badge("deprecated", "warn")),
      (channel.title || channel.summary) && h("p.lead", [channel.title, channel.summary].filter(Boolean).join(" — ")),
      prose(channel.description),
      config.tryItOut && h("p", h("button.primary", { id: "open-console", onclick: () => onTry() }, "Try it out"))),
    channel.unguarded && warning("Not guarded", "No policy decides who may connect here."),
    channel.reportOnly && warning("Report only", "A policy looks on, and refuses nobody."),
    channel.unrecognised && warning("Not all is known", "Another middleware stands around this channel, and may refuse connections too."),
    channel.closed && warning("Closed to everyone", "Its policies share no way to say who you are."),
    securityOf({ channel, link }),
    parameterTable([...channel.parameters, ...channel.query]),
    side("You send", "out", { model, channel, link, config, onTry }),
    side("The server sends", "in", { model, channel, link, config, onTry }),
    h("section.connect-code", h("h2", "Connect from code"), connectCode({ channel, socketUrl })),
  ];
}

function connectCode({ channel, socketUrl }) {
  const first = channel.security.find((scheme) => javascript(scheme, "")) ?? { kind: "none", name: "", raw: {} };
  return codeBlock(`${javascript(first, socketUrl)}\nsocket.onmessage = ({ data }) => console.log(data);\nsocket.onclose = ({ code, reason }) => console.log(code, reason);`, "JavaScript");
}

const schemeList = (schemes, link) => h("ul.chips", schemes.map((scheme) => h("li", h("a.chip", { href: link.scheme(scheme) },
  h("strong", label(scheme)), h("code", shown(scheme)), !worksInBrowser(scheme) && badge("not in a browser"), scheme.notEnforced && badge("not enforced", "warn")))));

function securityOf({ channel, link }) {
  if (!channel.security.length) return null;
  const who = channel.optional ? "Anybody; whoever presents one of these is known by it:" : channel.security.length > 1 ? "Whoever presents one of these:" : "Whoever presents this:";
  return h("section", h("h2", "Who may connect"), h("p.muted", who), schemeList(channel.security, link));
}

function parameterTable(parameters) {
  if (!parameters.length) return null;
  return h("section", h("h2", "Parameters"), table("Parameters", ["Name", "Value", "Description"], parameters.map((parameter) => h("tr",
    h("th", { scope: "row" }, h("code", parameter.shown)),
    h("td", parameter.value && h("code", parameter.value), parameter.choices.length > 0 && h("span.facts", `one of ${parameter.choices.join(", ")}`)),
    h("td", parameter.description, parameter.required && parameter.shown.startsWith("?") && h("span.required", "required"))))));
}

function side(title, direction, context) {
  const operations = context.channel.operations.filter((operation) => operation.direction === direction);
  if (!operations.length) return null;
  return h("section", { class: `side ${direction}` }, h("h2", h("span.arrow", { "aria-hidden": "true" }, direction === "out" ? "↑" : "↓"), title), operations.map((operation) => operationCard(operation, context)));
}

function operationCard(operation, { model, channel, link, config, onTry }) {
  const target = link.operation(channel, operation);
  const heading = h("div.op-head",
    h("h3", { id: `op-${operation.id}`, tabindex: "-1" }, operation.name),
    operation.deprecated && badge("deprecated", "warn"),
    operation.tags.map((tag) => badge(tag)),
    h("a.anchor", { href: target, "aria-label": `Link to ${operation.id}` }, "#"),
    config.tryItOut && operation.direction === "out" && h("button.quiet.small", { onclick: () => onTry(operation), "aria-label": `Try ${operation.name}` }, "Try"));
  return h("article", { class: `op${operation.deprecated ? " old" : ""}`, "aria-labelledby": `op-${operation.id}` },
    heading,
    operation.summary && operation.summary !== operation.name && h("p", operation.summary),
    (operation.replies.length > 0 || operation.messages.length !== 1) && h("p.sentence", sentence(operation)),
    prose(operation.description),
    operation.messages.map((message) => messageCard(model, message, operation.name)),
    operation.replies.map((message) => [h("h4.answers", operation.direction === "out" ? "The server answers" : "You answer"), messageCard(model, message)]));
}

function sentence(operation) {
  const names = (messages) => join(messages.map((message) => h("code", message.name)));
  const what = operation.messages.length ? names(operation.messages) : "a message";
  const answer = operation.replies.length ? [operation.direction === "out" ? ", and the server answers with " : ", and you answer with ", names(operation.replies)] : "";
  return [operation.direction === "out" ? "You send " : "The server sends ", what, answer, "."];
}

function messageCard(model, message, heading) {
  const fields = rows(model.root, message.payload);
  const examples = message.examples.length ? message.examples : [{ payload: message.payload === undefined ? undefined : sample(model.root, message.payload), made: true }];
  return h("div.message",
    h("p.message-name", message.name !== heading && h("code", message.name),
      message.title && message.title !== message.name && message.title !== heading && h("span", message.title),
      fields.length === 0 && message.payload !== undefined && h("span.type", typeName(model.root, message.payload)),
      message.contentType && message.contentType !== "application/json" && badge(message.contentType), message.deprecated && badge("deprecated", "warn")),
    message.summary && h("p", message.summary),
    prose(message.description),
    fields.length > 0 && schemaTable(message.name, fields),
    examples.filter((example) => example.payload !== undefined).map((example) => {
      const json = typeof example.payload === "string" && message.contentType.startsWith("text/") ? example.payload : pretty(example.payload);
      return h("figure.example",
        h("figcaption", example.made ? "Example, made from the schema" : example.name || "Example", copyButton(json)),
        h("pre", { tabindex: "0", "aria-label": `Example of ${message.name}` }, coloured(json)));
    }));
}

const schemaTable = (name, fields) => table(`Fields of ${name}`, ["Field", "Type", "Description"], fields.map((row) => h("tr",
  h("th", { scope: "row", class: `depth-${Math.min(row.depth, 6)}` },
    row.placeholder ? h("em", row.name) : h("code", row.name),
    row.required && h("span.required", "required"), row.deprecated && badge("deprecated", "warn")),
  h("td", h("span.type", row.type), row.recursive && h("span.facts", "as above")),
  h("td", row.description && prose(row.description, "prose inline"), row.facts.length > 0 && h("span.facts", row.facts.join(" · "))))), "schema");

function securityView({ model, link, socketUrl, origin }) {
  return [
    h("header.head", h("p.over", model.title), h("h1", { tabindex: "-1" }, "Security"),
      !model.schemes.length && h("p.lead", "This document names no way to say who you are.")),
    model.schemes.map((scheme) => {
      const users = model.channels.filter((channel) => channel.security.includes(scheme));
      const script = javascript(scheme, socketUrl);
      return h("article.op.scheme", { "aria-labelledby": `scheme-${scheme.id}` },
        h("div.op-head", h("h2", { id: `scheme-${scheme.id}`, tabindex: "-1" }, scheme.id), badge(label(scheme)), scheme.notEnforced && badge("not enforced", "warn"),
          h("a.anchor", { href: link.scheme(scheme), "aria-label": `Link to ${scheme.id}` }, "#")),
        !scheme.description && prose(how(scheme)),
        prose(scheme.description),
        script && codeBlock(script, `${scheme.id} in JavaScript`),
        scheme.kind !== "other" && codeBlock(command(scheme, socketUrl, origin), `${scheme.id} as a command line`),
        users.length > 0 && h("p.muted", "Used by ", join(users.slice(0, 12).map((channel) => h("a", { href: link.channel(channel) }, channel.address))), users.length > 12 && ` and ${users.length - 12} more`));
    }),
  ];
}

function codesView({ model }) {
  return [
    h("header.head", h("p.over", model.title), h("h1", { tabindex: "-1" }, "Close codes"),
      h("p.lead", "Why a connection ends, and what a client does next.")),
    table("Close codes", ["Code", "What it means", "What a client does"], allCodes(model.codes).map((row) => h("tr", { class: row.documented ? "" : "muted" },
      h("th", { scope: "row" }, h("code", String(row.code))), h("td", row.text), h("td", row.advice))), "codes"),
  ];
}

// Navigation and search

function fillNavigation() {
  const list = $("navigation");
  const item = (href, text, attributes = {}) => h("li", h("a", { href, ...attributes }, text));
  list.replaceChildren(
    item(link.overview(), "Overview"),
    ...(model.schemes.length ? [item(link.security(), "Security")] : []),
    item(link.codes(), "Close codes"));
  $("brand-title").textContent = config.title || model.title;
  const groups = model.channels.map((channel) => {
    const operations = channel.operations.map((operation) => {
      const fields = [...operation.messages, ...operation.replies].flatMap((message) => [message.name, message.title, ...rows(model.root, message.payload).map((row) => row.name)]);
      const element = h("li", h("a", { href: link.operation(channel, operation), class: operation.deprecated ? "old" : "", "data-channel": channel.id },
        h("span", { class: `arrow ${operation.direction}` }, h("span.sr", operation.direction === "out" ? "you send" : "you receive"), h("span", { "aria-hidden": "true" }, operation.direction === "out" ? "↑" : "↓")),
        operation.name));
      return { element, text: [operation.id, operation.name, operation.summary, operation.description, ...operation.tags, ...fields].join(" ").toLowerCase() };
    });
    const sub = h("ul.operations", operations.map((operation) => operation.element));
    const element = h("li", h("a", { href: link.channel(channel), class: "channel", "data-channel": channel.id, "data-top": "yes" }, address(channel.address),
      channel.unguarded && h("span.open", { title: "not guarded" }, h("span.sr", "not guarded"), h("span", { "aria-hidden": "true" }, "!"))), sub);
    return { element, sub, operations, text: [channel.id, channel.address, channel.title, channel.summary, channel.description, ...channel.tags].join(" ").toLowerCase() };
  });
  list.append(h("li.group", "Channels"), ...groups.map((group) => group.element));
  fillNavigation.groups = groups;
  search();
}

function search() {
  const query = $("search").value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (text) => query.every((word) => text.includes(word));
  let found = 0;
  for (const { element, operations, text } of fillNavigation.groups) {
    const whole = fits(text);
    let any = false;
    for (const operation of operations) {
      const hit = !query.length || whole || fits(`${text} ${operation.text}`);
      operation.element.hidden = !hit;
      any ||= hit;
    }
    element.hidden = !(whole || any);
    if (!element.hidden) found++;
  }
  $("found").textContent = query.length ? (found ? `${found} ${found === 1 ? "channel" : "channels"} found` : "Nothing found") : "";
}

// Panels

function panel(name) {
  document.body.dataset.panel = name;
  for (const button of $("panels").querySelectorAll("button")) {
    if (button.dataset.panel === name) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
}

function openConsole(operation) {
  const channel = model.channels.find((candidate) => candidate.id === current.id);
  showConsole(true);
  const used = trying.use(model, channel, operation);
  panel("console");
  (used && operation ? $("payload") : $("console-title")).focus();
}

function showConsole(open) {
  $("console").hidden = !open;
  $("try-tab").disabled = !open && current.view !== "channel";
  document.body.classList.toggle("with-console", open);
}

async function start() {
  const response = await fetch("config.json", { credentials: "same-origin", cache: "no-store" });
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  config = await response.json();
  $("specs-label").hidden = config.specs.length < 2;
  $("specs").replaceChildren(...config.specs.map((entry) => h("option", { value: entry.name }, entry.name)));
  $("specs").addEventListener("change", () => { location.hash = prefix($("specs").value); });
  $("search").addEventListener("input", search);
  $("search").addEventListener("keydown", (event) => {
    if (event.key === "Escape") { $("search").value = ""; search(); }
    if (event.key === "Enter") [...$("navigation").querySelectorAll("a.channel, .operations a")].find((anchor) => anchor.offsetParent !== null)?.click();
  });
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.closest("input, textarea, select") || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    panel("contents");
    $("search").focus();
  });
  for (const button of $("panels").querySelectorAll("button")) button.addEventListener("click", () => (button.dataset.panel === "console" && $("console").hidden ? openConsole() : panel(button.dataset.panel)));
  $("close-console").addEventListener("click", () => { showConsole(false); panel("reading"); $("open-console")?.focus(); });
  addEventListener("hashchange", () => follow());
  if (config.tryItOut) {
    trying = await import("./console.js");
    trying.start(config, (home, channel) => {
      const entry = config.specs.find((candidate) => models.get(candidate.name) === home);
      location.hash = `${prefix(entry.name)}channel/${part(channel.id)}`;
    });
  }
  $("try-tab").hidden = !trying;
  await follow({ first: true });
  if (trying && config.expanded && model) {
    const channel = current.view === "channel" && model.channels.some((candidate) => candidate.id === current.id);
    if (!channel && model.channels.length && !current.view) {
      history.replaceState(null, "", link.channel(model.channels[0]));
      await follow({ first: true });
    }
    if (current.view === "channel") showConsole(true);
  }
  document.body.dataset.ready = "yes";
}

start().catch((error) => {
  $("reading").replaceChildren(h("h1", "This page could not start"), h("p", String(error.message)));
});
