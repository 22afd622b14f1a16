// Security schemes and close codes in words and as code, and the credential itself: in this module's memory and nowhere else,
// apart from the cookie that Apply sets on purpose.

// Scheme id → secret
const held = new Map();
let latest = "";

export const secretOf = (scheme) => held.get(scheme.id) ?? (scheme.kind === "ticket" ? "" : latest);

export function hold(scheme, secret) {
  held.set(scheme.id, secret);
  if (scheme.kind !== "ticket") latest = secret;
}

export const forget = (scheme) => held.delete(scheme.id);

/** What a JWT says about itself; null where it is none. Nothing here is verified: only the server can do that. */
export function readToken(secret) {
  const parts = secret.split(".");
  if (parts.length !== 3) return null;
  try {
    const base64 = parts[1].replaceAll("-", "+").replaceAll("_", "/");
    const claims = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))));
    if (claims === null || typeof claims !== "object") return null;
    const subject = claims.sub ?? claims.user_id ?? claims.username;
    return { subject: ["string", "number"].includes(typeof subject) ? String(subject) : "", expires: Number.isFinite(claims.exp) ? claims.exp : null };
  } catch {
    return null;
  }
}

/** What is wrong with the text as a credential of this scheme, or "". */
export function irregular(scheme, secret) {
  if (!secret) return `Paste a ${scheme.kind === "ticket" ? "ticket" : "token"} first.`;
  if (/[^\x21-\x7e]/.test(secret)) return "A token holds no blanks and no other than ASCII characters: leave out “Bearer”.";
  if (scheme.kind === "subprotocol" && /[^!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(secret)) return "A browser refuses these characters in a subprotocol.";
  return "";
}

const secure = () => (location.protocol === "https:" ? "; Secure" : "");
const values = (name) => document.cookie.split("; ").filter((part) => part.startsWith(`${name}=`)).map((part) => part.slice(name.length + 1));

/** Set a session cookie of this origin. Returns {ok, text}: a browser says nothing of its own when it refuses. */
export function applyCookie(name, secret) {
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) return bad("No cookie can have this name.");
  if (/[^\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]/.test(secret)) return bad("No cookie can hold these characters.");
  if (/^__(Host|Secure)-/i.test(name) && location.protocol !== "https:") return bad(`Browsers take a cookie named ${name} over https only.`);
  document.cookie = `${name}=${secret}; Path=/; SameSite=Strict${secure()}`;
  if (values(name).includes(secret)) {
    return values(name).length > 1
      ? bad(`Set, but there is another cookie ${name}, for another path or domain. The server refuses two different values.`)
      : { ok: true, text: `The cookie ${name} is set, until Clear or until the browser closes.` };
  }
  if (!navigator.cookieEnabled || name.length + secret.length > 4096) return bad("Cookies are switched off in this browser, or this one is too long.");
  return bad(`An HttpOnly cookie named ${name} stands in the way: a page can neither read nor replace it, and the browser sends it as it is. To use another token, log out, or delete that cookie in the developer tools.`);
}

export function clearCookie(name) {
  const before = values(name).length;
  document.cookie = `${name}=; Path=/; SameSite=Strict; Max-Age=0${secure()}`;
  const left = values(name).length;
  if (left) return bad(`Another cookie ${name} is left, for another path or domain.`);
  return { ok: true, text: before ? `The cookie ${name} is removed.` : `This page can see no cookie ${name}.` };
}

const bad = (text) => ({ ok: false, text });

/** Who the session belongs to, as the deployer's own address says: a name, null for nobody, undefined where it cannot be told. */
export async function whoami(address) {
  try {
    const url = new URL(address, location.href);
    if (url.origin !== location.origin) return undefined;
    const response = await fetch(url, { credentials: "same-origin", cache: "no-store", headers: { Accept: "application/json" } });
    if ([401, 403, 404].includes(response.status)) return null;
    if (!response.ok) return undefined;
    const body = await response.json();
    const name = [body?.username, body?.user, body?.name, body?.email].find((value) => typeof value === "string" && value);
    return name ?? null;
  } catch {
    return undefined;
  }
}

// The address to connect to. The host is the page's own, or the deployer's; the document only fills in the path,
// and setting `pathname` cannot change a host.
export function socketUrl(config, channel, { path = {}, query = {} } = {}) {
  const base = new URL(config.server || location.origin);
  base.protocol = { "http:": "ws:", "https:": "wss:" }[base.protocol] ?? base.protocol;
  base.username = base.password = base.search = base.hash = "";
  const host = base.host;
  const filled = channel.address.replace(/\{([^{}]+)\}/g, (hole, name) => (Object.hasOwn(path, name) && path[name] !== "" ? encodeURIComponent(path[name]) : hole));
  const inside = `${base.pathname.replace(/\/$/, "")}${channel.prefix}${filled.startsWith("/") ? "" : "/"}${filled}`;
  base.pathname = inside.split(/[?#]/)[0];
  for (const [name, value] of Object.entries(query)) if (value !== "") base.searchParams.append(name, value);
  if (base.host !== host || !/^wss?:$/.test(base.protocol)) throw new Error("the address leads elsewhere");
  return base;
}

/** The same address for reading: holes stay holes. */
export const readable = (url) => url.href.replaceAll("%7B", "{").replaceAll("%7D", "}");

/** Everything `new WebSocket` needs: {url, protocols, first}. */
export function dial(url, scheme, secret, protocols) {
  const address = new URL(url);
  if (scheme.kind === "query" || scheme.kind === "ticket") {
    address.search += `${address.search ? "&" : "?"}${encodeURIComponent(scheme.name)}=${encodeURIComponent(secret)}`;
  }
  return {
    url: address.href,
    protocols: scheme.kind === "subprotocol" ? [scheme.name, secret, ...protocols] : protocols,
    first: scheme.kind === "first" ? { type: scheme.type, [scheme.name]: secret } : null,
  };
}

// In words

const STANDARD = {
  1000: ["closed normally", "nothing"],
  1001: ["the server stops, or the page was left", "reconnect after a random delay"],
  1005: ["closed without a code", "nothing"],
  1006: ["the connection broke off", "reconnect after a growing, random delay"],
  1008: ["refused by a rule of the server", "stop, and look at the server's log"],
  1011: ["the server failed", "look at the server's log"],
  1012: ["the server restarts", "reconnect after a random delay"],
  1013: ["the server is busy", "retry after a growing, random delay"],
};

/** Every code that this document's clients can meet. */
export function allCodes(documented) {
  const own = [...documented].flatMap(([code, rows]) => rows.map((row) => ({ code, ...row, documented: true })));
  const others = Object.entries(STANDARD).filter(([code]) => !documented.has(Number(code)));
  return [...own.sort((a, b) => a.code - b.code), ...others.map(([code, [text, advice]]) => ({ code, text, advice }))];
}

/** A closed connection in words: {code, what, advice, said, incident, details}. */
export function explain(documented, { code, reason, opened }) {
  const [, said, incident] = /^(.*?)\s*(?:\[([0-9A-Za-z-]{4,40})\])?$/s.exec(reason ?? "");
  if (code === 1006 && !opened) return { ...REFUSED, code, said, incident };
  const rows = documented.get(code) ?? [];
  const row = rows.find((candidate) => said && (candidate.text === said || candidate.reason === said)) ?? rows[0];
  const [what, advice] = STANDARD[code] ?? ["a code of the application's own", "see the application's documentation"];
  return { code, what: row?.text || said || what, advice: row?.advice || advice, said, incident };
}

const REFUSED = {
  what: "The server did not open the connection",
  advice: "look at the server's log: it says why, and from which Origin",
  details: [
    "a credential that is missing or wrong, and a server that answers over HTTP",
    "an Origin that is not allowed",
    "too many connections, or refusals within ten seconds: wait, and try again",
    "no WebSocket at this address, or no server",
  ],
};

export const METHODS = {
  session: { label: "Session cookie", show: (scheme) => scheme.name, how: (scheme) => `The browser sends the session cookie ${quote(scheme.name)} by itself. Log in, then connect.` },
  cookie: { label: "Cookie", show: (scheme) => `${scheme.name}=…`, how: (scheme) => `A token in the cookie ${quote(scheme.name)}. Once set, the browser sends it by itself.` },
  query: { label: "Query parameter", show: (scheme) => `?${scheme.name}=…`, how: (scheme) => `A token in the query parameter ${quote(scheme.name)}.` },
  ticket: { label: "Ticket", show: (scheme) => `?${scheme.name}=…`, how: (scheme) => `A ticket in the query parameter ${quote(scheme.name)}, good for one connection.` },
  subprotocol: { label: "Subprotocol", show: (scheme) => `${scheme.name}, …`, how: (scheme) => `A token as a subprotocol, after the marker ${quote(scheme.name)}.` },
  first: { label: "First message", show: (scheme) => `{"type":"${scheme.type}"}`, how: (scheme) => `A token in the first message, in the field ${quote(scheme.name)}.` },
  header: { label: "Header", show: (scheme) => `${scheme.name}: ${scheme.prefix}…`, how: (scheme) => `A token in the header ${quote(scheme.name)}. A page in a browser cannot set headers on a WebSocket; other clients can.` },
  other: { label: "Other", show: (scheme) => scheme.name, how: () => "A way that this page does not know." },
  none: { label: "No credentials", show: () => "", how: () => "Nothing is added. The browser still sends the cookies of this site." },
};

const quote = (name) => `\`${name}\``;

export const label = (scheme) => (scheme.kind === "cookie" && /jwt/i.test(`${scheme.id} ${scheme.raw.bearerFormat ?? ""}`) ? "Cookie JWT" : METHODS[scheme.kind].label);
export const shown = (scheme) => METHODS[scheme.kind].show(scheme);
export const how = (scheme) => METHODS[scheme.kind].how(scheme);
export const needsToken = (scheme) => ["cookie", "query", "ticket", "subprotocol", "first"].includes(scheme.kind);
export const worksInBrowser = (scheme) => !["header", "other"].includes(scheme.kind);

/** A few lines of JavaScript, or null where a page cannot do it. */
export function javascript(scheme, url) {
  const address = JSON.stringify(url);
  const parameter = JSON.stringify(encodeURIComponent(scheme.name)).slice(1, -1);
  switch (scheme.kind) {
    case "session": case "none": return `const socket = new WebSocket(${address});`;
    case "cookie": return `const socket = new WebSocket(${address}); // the cookie goes along`;
    case "query": case "ticket": return `const socket = new WebSocket(${address} + "${url.includes("?") ? "&" : "?"}${parameter}=" + encodeURIComponent(${scheme.kind === "ticket" ? "ticket" : "token"}));`;
    case "subprotocol": return `const socket = new WebSocket(${address}, [${JSON.stringify(scheme.name)}, token]);`;
    case "first": return `const socket = new WebSocket(${address});\nsocket.onopen = () => socket.send(JSON.stringify({ type: ${JSON.stringify(scheme.type)}, ${JSON.stringify(scheme.name)}: token }));`;
    default: return null;
  }
}

/** For a POSIX shell. Names come from the document, which is not trusted with a shell: all of it is quoted. */
export const shell = (text) => `'${clean(text).replaceAll("'", "'\\''")}'`;
const clean = (text) => text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, "");

/** A command line in which $TOKEN stands for the secret. */
export function command(scheme, url, origin) {
  const asked = scheme.kind === "query" || scheme.kind === "ticket" ? `${url}${url.includes("?") ? "&" : "?"}${encodeURIComponent(scheme.name)}=` : "";
  const header = { header: `${scheme.name}: ${scheme.prefix}`, cookie: `Cookie: ${scheme.name}=`, session: `Cookie: ${scheme.name}=`, subprotocol: `Sec-WebSocket-Protocol: ${scheme.name}, ` }[scheme.kind];
  const first = scheme.kind === "first" ? `printf '{"type":%s,"%s":"%s"}\\n' ${shell(JSON.stringify(scheme.type))} ${shell(scheme.name)} "$TOKEN" | ` : "";
  return `${first}websocat${first && " -n"} -H ${shell(`Origin: ${origin}`)}${header ? ` -H ${shell(header)}"$TOKEN"` : ""} ${asked ? `${shell(asked)}"$TOKEN"` : shell(url)}`;
}
