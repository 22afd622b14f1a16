// What a page does with a close code. The code alone tells the cases apart: some servers drop the reason text.
//
//   retry   "no": the same attempt fails again; "refresh": after getting a new token; "wait": after a delay
//   action  what this demo offers as a button

export const REASONS = {
  1000: { title: "Closed normally", words: "One side was done.", advice: "Nothing.", retry: "no", tone: "calm" },
  1006: {
    title: "Refused or unreachable",
    words: "The browser got no close code: the upgrade was refused over HTTP, or the network or server went away. A page is not told which.",
    advice: "Wait, then try again a few times. The server's log has the reason.",
    retry: "wait",
    tone: "warn",
    action: "Try again",
  },
  1012: { title: "Server restarts", words: "The server is going away for a moment.", advice: "Reconnect after a random delay.", retry: "wait", tone: "warn", action: "Reconnect" },
  4012: { title: "Server going away", words: "A deploy or a drain: this server is about to stop.", advice: "Reconnect after a random delay.", retry: "wait", tone: "warn", action: "Reconnect" },
  4401: {
    title: "Not authenticated",
    words: "The credential is missing, malformed, wrong, or contradicts another one.",
    advice: "Log in. Trying again with the same credential will not help.",
    retry: "no",
    tone: "bad",
  },
  4403: { title: "Not allowed", words: "The server knows who you are, and you may not come in here.", advice: "Stop: trying again changes nothing.", retry: "no", tone: "bad" },
  4408: { title: "Too slow", words: "The server waited for the first message, and no credential came.", advice: "Try once more.", retry: "once", tone: "warn", action: "Try once more" },
  4409: { title: "Replaced", words: "A newer connection of yours took this one's place.", advice: "Stop, or two tabs evict each other for ever.", retry: "no", tone: "warn" },
  4410: { title: "Logged out", words: "What you logged in with has been revoked, here or on another device.", advice: "Log in again.", retry: "no", tone: "bad" },
  4429: { title: "Too many", words: "Too many connections, or too many failures.", advice: "Back off, longer each time.", retry: "wait", tone: "warn", action: "Try again" },
  4440: {
    title: "Expired",
    words: "The credential's time is over. A connection lives no longer than its token.",
    advice: "Get a fresh token, then reconnect.",
    retry: "refresh",
    tone: "warn",
    action: "Refresh and reconnect",
  },
  4503: { title: "Cannot check", words: "The server cannot verify anybody at the moment.", advice: "Back off and try again.", retry: "wait", tone: "warn", action: "Try again" },
};

export const RETRY = { no: "no", once: "once", wait: "yes, with a delay", refresh: "yes, after a refresh" };

export function explain(code) {
  return REASONS[code] ?? { title: "Closed", words: `The application closed with code ${code}.`, advice: "See the application's documentation.", retry: "no", tone: "warn" };
}
