// The demo's JSON. Every POST carries the CSRF value, which lives in this variable and nowhere else.

let csrf = "";

async function call(method, path, body) {
  const response = await fetch(path, {
    method,
    headers: { "Content-Type": "application/json", "X-CSRFToken": csrf },
    body: body && JSON.stringify(body),
  });
  const answer = response.status === 204 ? {} : await response.json().catch(() => ({}));
  if (answer.csrf) csrf = answer.csrf;
  return { ok: response.ok, status: response.status, ...answer };
}

function must(answer) {
  if (!answer.ok) throw new Error("the server gave no token: log in first");
  return answer;
}

const get = (path) => call("GET", path);
const post = (path, body = {}) => call("POST", path, body);

export const api = {
  people: () => get("people.json"),
  me: () => get("api/me"),
  login: (username, password) => post("api/login", { username, password }),
  logout: () => post("api/logout"),
  logoutEverywhere: () => post("api/logout-everywhere"),
  wave: (to) => post("api/wave", { to }),
  token: async (order) => must(await post("api/token", order)).token,
  tokenCookie: async (order) => must(await post("api/token-cookie", order)),
  clearTokenCookie: () => post("api/token-cookie/clear"),
};
