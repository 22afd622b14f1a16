// An AsyncAPI 3 document as what a reader asks for: channels, what each side sends there, and the schemas of it. Nothing here touches the page.

import { words } from "./dom.js";
import { Validator } from "./vendor/json-schema.js";

const own = (object, key) => (object != null && typeof object === "object" && Object.hasOwn(object, key) ? object[key] : undefined);
const entries = (object) => (object && typeof object === "object" && !Array.isArray(object) ? Object.entries(object) : []);
const list = (value) => (Array.isArray(value) ? value : []);
const text = (value) => (typeof value === "string" ? value : "");
const unescape = (part) => {
  try {
    return decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
  } catch {
    return part;
  }
};

export const segments = (ref) => ref.slice(2).split("/").map(unescape);
export const lastSegment = (ref) => segments(ref).at(-1);

/** What a local reference leads to. References to anywhere else lead nowhere: this page fetches nothing but the document. */
export function resolve(root, node) {
  for (let hops = 0; hops < 20; hops++) {
    const ref = own(node, "$ref");
    if (typeof ref !== "string") return node;
    if (!ref.startsWith("#/")) return undefined;
    node = segments(ref).reduce(own, root);
  }
  return undefined;
}

export function readDocument(root) {
  // Written for a client: `send` is what the client does
  const client = root["x-wsauth-perspective"] === "client";
  const schemes = new Map(entries(root.components?.securitySchemes).map(([id, raw]) => [id, readScheme(root, id, resolve(root, raw))]));
  const notEnforced = new Set(list(root["x-wsauth-not-enforced"]).map(text).filter(Boolean));
  for (const id of notEnforced) if (schemes.has(id)) schemes.get(id).notEnforced = true;
  const servers = entries(root.servers).map(([id, raw]) => ({ id, raw: resolve(root, raw) ?? {} }));
  const model = {
    root,
    title: text(root.info?.title) || "WebSocket API",
    version: text(root.info?.version),
    description: text(root.info?.description),
    asyncapi: text(root.asyncapi),
    servers,
    schemes: [...schemes.values()],
    notEnforced: [...notEnforced],
    codes: readCodes(root["x-wsauth-close-codes"]),
  };
  const operations = entries(root.operations).map(([id, raw]) => readOperation(root, id, resolve(root, raw) ?? {}, client));
  model.channels = entries(root.channels).map(([id, raw]) => readChannel(model, schemes, operations, id, raw));
  return model;
}

function readScheme(root, id, raw) {
  raw = raw ?? {};
  return { id, raw, description: text(raw.description), ...place(id, raw) };
}

/** Where the credential travels: `kind` decides what this page can do with it. */
function place(id, raw) {
  const marker = raw["x-wsauth-subprotocol"];
  if (marker) return { kind: "subprotocol", name: text(marker.marker ?? marker) || "bearer" };
  const first = raw["x-wsauth-first-message"];
  if (first) return { kind: "first", type: text(first.type) || "auth", name: text(first.field) || "token" };
  const name = text(raw.name);
  const where = text(raw.in);
  if (raw.type === "httpApiKey" || raw.type === "apiKey") {
    if (where === "query") return { kind: raw["x-wsauth-ticket"] ? "ticket" : "query", name: name || "token" };
    if (where === "cookie") return isSession(id, raw) ? { kind: "session", name: name || "sessionid" } : { kind: "cookie", name: name || "access_token" };
    if (where === "header") return { kind: "header", name: name || "Authorization", prefix: text(raw["x-wsauth-header-scheme"]) && `${raw["x-wsauth-header-scheme"]} ` };
  }
  const scheme = raw.type === "http" ? text(raw.scheme) || "bearer" : "bearer";
  if (["http", "oauth2", "openIdConnect", "httpBearerToken"].includes(raw.type)) {
    return { kind: "header", name: "Authorization", prefix: `${scheme.charAt(0).toUpperCase()}${scheme.slice(1)} ` };
  }
  return { kind: "other", name: name || id };
}

const isSession = (id, raw) => raw["x-wsauth-session"] === true || (!/jwt|token/i.test(`${id} ${raw.name}`) && /sess|\bsid\b/i.test(`${id} ${raw.name}`));
const isDeprecated = (raw) => raw.deprecated === true || raw["x-wsauth-deprecated"] === true;

function readOperation(root, id, raw, client) {
  const reply = resolve(root, raw.reply);
  const channel = own(raw.channel, "$ref");
  return {
    id,
    raw,
    channel: typeof channel === "string" ? lastSegment(channel) : "",
    // The document describes the application: what it receives is what you send.
    direction: (raw.action === "receive") !== client ? "out" : "in",
    title: text(raw.title),
    summary: text(raw.summary),
    description: text(raw.description),
    deprecated: isDeprecated(raw),
    tags: list(raw.tags).map((tag) => text(resolve(root, tag)?.name)).filter(Boolean),
    messageRefs: Array.isArray(raw.messages) ? raw.messages : null,
    replyRefs: reply ? list(reply.messages) : [],
  };
}

function readChannel(model, schemes, operations, id, raw) {
  const root = model.root;
  const channel = resolve(root, raw) ?? {};
  const messages = entries(channel.messages).map(([key, message]) => readMessage(root, key, message));
  const byRef = (ref) => {
    const target = resolve(root, ref);
    return messages.find((message) => message.raw === target) ?? readMessage(root, typeof ref?.$ref === "string" ? lastSegment(ref.$ref) : "message", ref);
  };
  const mine = operations.filter((operation) => operation.channel === id).map((operation) => {
    const said = operation.messageRefs ? operation.messageRefs.map(byRef) : messages;
    return { ...operation, name: nameOf(operation, said), messages: said, replies: operation.replyRefs.map(byRef) };
  });
  const servers = channel.servers ? list(channel.servers).map((server) => resolve(root, server)).filter(Boolean) : model.servers.map((server) => server.raw);
  const bindings = resolve(root, resolve(root, channel.bindings)?.ws) ?? {};
  return {
    id,
    address: text(channel.address) || `/${id}`,
    title: text(channel.title),
    summary: text(channel.summary),
    description: text(channel.description),
    deprecated: isDeprecated(channel),
    tags: list(channel.tags).map((tag) => text(resolve(root, tag)?.name)).filter(Boolean),
    prefix: prefixOf(servers[0]),
    parameters: readParameters(root, channel),
    query: readQuery(root, bindings, schemes),
    operations: [...mine.filter((operation) => operation.direction === "out"), ...mine.filter((operation) => operation.direction === "in")],
    received: [...new Set(mine.flatMap((operation) => (operation.direction === "in" ? operation.messages : operation.replies)))],
    sent: [...new Set(mine.flatMap((operation) => (operation.direction === "out" ? operation.messages : operation.replies)))],
    unguarded: channel["x-wsauth-unguarded"] === true,
    reportOnly: channel["x-wsauth-report-only"] === true,
    unrecognised: channel["x-wsauth-unrecognised-middleware"] === true,
    codes: channel["x-wsauth-close-codes"] ? readCodes(channel["x-wsauth-close-codes"]) : model.codes,
    ...readSecurity(root, schemes, mine, servers, channel),
  };
}

/** What people call an operation: by its title, else by what it says. */
function nameOf({ id, title, channel }, said) {
  if (title || said.length === 1) return title || said[0].title || said[0].name;
  return !said.length && [`${channel}_receive`, `${channel}_send`].includes(id) ? "Any message" : words(id);
}

/** Who may connect: what the channel says itself, else what its operations say, else its servers. */
function readSecurity(root, schemes, operations, servers, channel) {
  const said = channel["x-wsauth-security"];
  if (said && typeof said === "object") {
    const security = list(said.schemes).map((id) => schemes.get(id)).filter(Boolean);
    return { security, optional: said.optional === true, closed: !security.length && said.optional !== true && !channel["x-wsauth-unguarded"] && !channel["x-wsauth-report-only"] };
  }
  const raw = operations.map((operation) => operation.raw);
  const holders = raw.some((operation) => Array.isArray(operation.security)) ? raw : servers;
  const found = new Set();
  for (const item of holders.flatMap((holder) => list(holder.security))) {
    const target = resolve(root, item);
    const known = [...schemes.values()].find((scheme) => scheme.raw === target);
    if (target) found.add(known ?? readScheme(root, typeof item.$ref === "string" ? lastSegment(item.$ref) : "inline", target));
  }
  return { security: [...found], optional: [...raw, ...servers].some((holder) => holder["x-wsauth-optional"] === true), closed: false };
}

/** The path before every address of a server, with the defaults of its variables; its host is not used. */
function prefixOf(server) {
  const path = text(server?.pathname).replace(/\{([^{}]+)\}/g, (hole, name) => text(own(own(server.variables, name), "default")) || hole);
  return path && `/${path.replace(/^\/+|\/+$/g, "")}`;
}

const parameter = (name, shown, raw, required) => ({
  name, shown, required, description: text(raw.description), choices: list(raw.enum).map(String), value: String(raw.default ?? list(raw.examples)[0] ?? ""),
});

function readParameters(root, channel) {
  const names = new Set([...text(channel.address).matchAll(/\{([^{}]+)\}/g)].map((match) => match[1]));
  return [...names].map((name) => parameter(name, `{${name}}`, resolve(root, own(channel.parameters, name)) ?? {}, true));
}

/** Query parameters of the ws binding, without those that are credentials: those have a field of their own. */
function readQuery(root, bindings, schemes) {
  const query = resolve(root, bindings.query) ?? {};
  const secret = new Set([...schemes.values()].filter((scheme) => ["query", "ticket"].includes(scheme.kind)).map((scheme) => scheme.name));
  return entries(query.properties).filter(([name]) => !secret.has(name)).map(([name, raw]) => parameter(name, `?${name}`, resolve(root, raw) ?? {}, list(query.required).includes(name)));
}

function readMessage(root, key, ref) {
  const raw = resolve(root, ref) ?? {};
  let payload = raw.payload;
  const resolved = resolve(root, payload);
  // Multi Format Schema Object
  if (resolved && typeof resolved.schemaFormat === "string" && "schema" in resolved) payload = resolved.schema;
  return {
    key,
    raw,
    name: text(raw.name) || key,
    title: text(raw.title),
    summary: text(raw.summary),
    description: text(raw.description),
    deprecated: isDeprecated(raw),
    contentType: text(raw.contentType),
    payload,
    examples: list(raw.examples).map((example) => resolve(root, example)).filter((example) => example && "payload" in example).map((example) => ({ payload: example.payload, name: text(example.summary) || text(example.name) })),
  };
}

/** code → [{reason, text, advice}], in the document's order. Several reasons may share a code. */
function readCodes(raw) {
  const codes = new Map();
  for (const row of list(raw)) {
    // A reason that is never told by a close code
    if (!Number.isInteger(row?.code)) continue;
    codes.set(row.code, [...(codes.get(row.code) ?? []), { reason: text(row.reason), text: text(row.text), advice: text(row.advice) }]);
  }
  return codes;
}

// Schemas: checking a value, making an example, describing the fields

// AsyncAPI's own dialect is a superset of draft 7; the generators write 2020-12
const DRAFT = "2020-12";
const ONE = ["additionalItems", "unevaluatedItems", "contains", "additionalProperties", "unevaluatedProperties", "propertyNames", "not", "if", "then", "else", "items"];
const MANY = ["prefixItems", "items", "allOf", "anyOf", "oneOf"];
const MAPS = ["properties", "patternProperties", "dependentSchemas"];
const PLAIN = [
  "type", "enum", "const", "required", "format", "pattern", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
  "multipleOf", "minItems", "maxItems", "uniqueItems", "minContains", "maxContains", "minProperties", "maxProperties", "dependentRequired",
];

const isSchema = (value) => typeof value === "boolean" || (value !== null && typeof value === "object" && !Array.isArray(value));

/** A copy that stands alone: references become `$defs`, and only what decides about validity is kept. */
export function bundle(root, schema) {
  const names = new Map();
  const $defs = {};
  const copy = (node) => {
    if (!isSchema(node)) return true;
    if (typeof node === "boolean") return node;
    const result = {};
    if (typeof node.$ref === "string") result.$ref = define(node.$ref);
    for (const key of PLAIN) if (Object.hasOwn(node, key)) result[key] = node[key];
    for (const key of MANY) if (Array.isArray(node[key])) result[key] = node[key].map(copy);
    for (const key of ONE) if (Object.hasOwn(node, key) && isSchema(node[key])) result[key] = copy(node[key]);
    for (const key of MAPS) if (isSchema(node[key])) result[key] = Object.fromEntries(Object.entries(node[key]).map(([name, value]) => [name, copy(value)]));
    return result;
  };
  const define = (ref) => {
    if (!names.has(ref)) {
      const name = `d${names.size}`;
      names.set(ref, name);
      $defs[name] = true;
      $defs[name] = copy(resolve(root, { $ref: ref }) ?? true);
    }
    return `#/$defs/${names.get(ref)}`;
  };
  const top = copy(schema ?? true);
  return typeof top === "boolean" ? top : { ...top, $defs };
}

/** A function from a value to a list of complaints, empty where it is valid; null where the schema cannot be used. */
export function checker(root, schema) {
  let validators;
  try {
    const standalone = bundle(root, schema);
    validators = { quick: new Validator(standalone, DRAFT, true), full: new Validator(structuredClone(standalone), DRAFT, false) };
    // A pattern that is no regular expression shows here, and not with the first frame
    validators.quick.validate(null);
  } catch {
    return null;
  }
  return (value, { all = false } = {}) => {
    try {
      const result = (all ? validators.full : validators.quick).validate(value);
      return result.valid ? [] : complaints(result.errors);
    } catch (error) {
      return [`the schema cannot be applied: ${error.message.split("\n")[0]}`];
    }
  };
}

const WRAPPERS = new Set(["$ref", "properties", "items", "prefixItems", "allOf", "additionalProperties", "patternProperties", "then", "else", "dependentSchemas", "additionalItems"]);

function complaints(errors) {
  const leaves = errors.filter((error) => !WRAPPERS.has(error.keyword));
  const told = (leaves.length ? leaves : errors).map((error) => {
    const where = error.instanceLocation.replace(/^#\/?/, "").replaceAll("/", ".").replaceAll("~1", "/").replaceAll("~0", "~");
    return `${where ? `${where}: ` : ""}${plain(error)}`;
  });
  return [...new Set(told)];
}

function plain({ keyword, error }) {
  const quoted = [...error.matchAll(/"([^"]*)"/g)].map((match) => match[1]);
  if (keyword === "required") return `“${quoted.at(-1)}” is missing`;
  if (keyword === "type") return `must be ${quoted.slice(1).join(" or ")}, is ${quoted[0]}`;
  if (keyword === "anyOf" || keyword === "oneOf") return "fits none of the alternatives, or too many";
  if (keyword === "false") return "is not allowed here";
  return error.replace(/^Instance /, "").replace(/\.$/, "");
}

const FORMATS = { "date-time": "2026-01-31T12:00:00Z", date: "2026-01-31", time: "12:00:00Z", uuid: "00000000-0000-4000-8000-000000000000", email: "a@example.com", uri: "https://example.com", ipv4: "192.0.2.1", duration: "PT5M" };

/** An example made from the schema. */
export function sample(root, schema, depth = 0, name = "") {
  const node = resolve(root, schema);
  if (!node || typeof node !== "object" || depth > 7) return depth > 7 ? null : {};
  if (Array.isArray(node.examples) && node.examples.length) return node.examples[0];
  for (const key of ["example", "const", "default"]) if (node[key] !== undefined) return node[key];
  if (Array.isArray(node.enum)) return node.enum[0];
  if (Array.isArray(node.allOf)) {
    const parts = node.allOf.map((part) => sample(root, part, depth + 1, name));
    const rest = node.properties ? [sampleObject(root, node, depth)] : [];
    const all = [...parts, ...rest];
    return all.every((part) => part && typeof part === "object") ? Object.assign({}, ...all) : all[0];
  }
  const choice = (node.oneOf ?? node.anyOf)?.find?.((option) => resolve(root, option)?.type !== "null");
  if (choice) return sample(root, choice, depth + 1, name);
  const type = Array.isArray(node.type) ? node.type.find((item) => item !== "null") : node.type ?? (node.properties ? "object" : undefined);
  if (type === "object") return sampleObject(root, node, depth);
  if (type === "array") return Array.isArray(node.prefixItems) ? node.prefixItems.map((item) => sample(root, item, depth + 1)) : node.items && depth < 5 ? [sample(root, node.items, depth + 1)] : [];
  if (type === "integer" || type === "number") return Math.ceil(node.minimum ?? (node.exclusiveMinimum === undefined ? Math.min(1, node.maximum ?? 1) : node.exclusiveMinimum + 1));
  if (type === "boolean") return true;
  if (type === "null" || type === undefined) return null;
  return sampleText(node, name);
}

function sampleObject(root, node, depth) {
  const required = new Set(Array.isArray(node.required) ? node.required : []);
  const kept = Object.entries(node.properties ?? {}).filter(([name]) => depth < 4 || required.has(name));
  return Object.fromEntries(kept.map(([name, property]) => [name, sample(root, property, depth + 1, name)]));
}

function sampleText(node, name) {
  const value = FORMATS[node.format] ?? (name || "text");
  return value.padEnd(Math.min(node.minLength ?? 0, 200), "x").slice(0, node.maxLength ?? Infinity);
}

/** "string", "array of Item", "string or null" */
export function typeName(root, schema, depth = 0) {
  if (schema === true || schema == null) return "any";
  if (schema === false) return "nothing";
  const node = resolve(root, schema);
  if (!node || typeof node !== "object") return typeof schema.$ref === "string" ? lastSegment(schema.$ref) : "any";
  const named = typeof schema.$ref === "string" ? lastSegment(schema.$ref) : typeof node.title === "string" && node.properties ? node.title : "";
  const options = node.oneOf ?? node.anyOf;
  if (Array.isArray(options) && !named && depth < 3) return [...new Set(options.map((option) => typeName(root, option, depth + 1)))].join(" or ");
  if (node.const !== undefined) return JSON.stringify(node.const);
  const type = Array.isArray(node.type) ? node.type.join(" or ") : node.type;
  if (type === "array") return node.items && depth < 3 ? `array of ${typeName(root, node.items, depth + 1)}` : "array";
  return String(named || type || (node.properties ? "object" : Array.isArray(node.enum) ? "one of" : "any"));
}

const LIMITS = [
  ["minLength", "at least # characters"], ["maxLength", "at most # characters"], ["minimum", "≥ #"], ["maximum", "≤ #"], ["exclusiveMinimum", "> #"], ["exclusiveMaximum", "< #"],
  ["multipleOf", "a multiple of #"], ["pattern", "matches #"], ["minItems", "at least # items"], ["maxItems", "at most # items"], ["format", "#"],
];

function facts(node) {
  const found = LIMITS.filter(([key]) => node[key] !== undefined).map(([key, words]) => words.replace("#", () => String(node[key])));
  if (Array.isArray(node.enum)) found.unshift(`one of ${node.enum.map((item) => JSON.stringify(item)).join(", ")}`);
  if (node.default !== undefined) found.push(`default ${JSON.stringify(node.default)}`);
  return found;
}

/** The fields of a schema as rows of a table, nested ones below their parent. */
export function rows(root, schema) {
  const result = [];
  const visit = (current, depth, path) => {
    const node = resolve(root, current);
    if (!node || typeof node !== "object" || path.includes(node) || depth > 6) return;
    const inside = [...path, node];
    for (const part of Array.isArray(node.allOf) ? node.allOf : []) visit(part, depth, inside);
    const required = new Set(Array.isArray(node.required) ? node.required : []);
    for (const [name, property] of Object.entries(node.properties ?? {})) {
      const target = resolve(root, property) ?? {};
      result.push({
        name, depth, required: required.has(name), type: typeName(root, property), facts: facts(target),
        description: typeof property?.description === "string" ? property.description : typeof target.description === "string" ? target.description : "",
        deprecated: target.deprecated === true, recursive: inside.includes(target),
      });
      visit(property, depth + 1, inside);
    }
    if (isSchema(node.items)) visit(node.items, depth, inside);
    if (node.additionalProperties && typeof node.additionalProperties === "object") {
      result.push({ name: "any other name", placeholder: true, depth, required: false, type: typeName(root, node.additionalProperties), facts: facts(node.additionalProperties), description: "" });
      visit(node.additionalProperties, depth + 1, inside);
    }
    const options = list(node.oneOf ?? node.anyOf).filter((option) => resolve(root, option)?.type !== "null");
    if (options.length === 1) visit(options[0], depth, inside);
    else if (options.some((option) => resolve(root, option)?.properties)) {
      for (const [at, option] of options.entries()) {
        result.push({ name: `${at ? "or" : "either"} ${typeName(root, option)}`, placeholder: true, depth, required: false, type: "", facts: [], description: "" });
        visit(option, depth + 1, inside);
      }
    }
  };
  visit(schema, 0, []);
  return result;
}
