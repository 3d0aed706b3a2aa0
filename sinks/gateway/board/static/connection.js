// The connection to the gateway: asks whether it may be opened, opens it, and opens it again.

const FIRST_MS = 500;
const LONGEST_MS = 15000;
const EXPIRED = 4401;

/**
 * Calls `on.frame(frame)` for each message, and `on.state(name, detail)`: connecting, live,
 * login, starting, lost. One socket at a time: the next is opened after the last has closed.
 */
export class Connection {
  #on;
  #socket = null;
  #timer = 0;
  #failures = 0;
  #isLeaving = false;
  #last = null;
  #token = null; // of this page's visitor, until the page is left

  constructor(on) {
    this.#on = on;
  }

  /** Connect now, also when a later attempt is due. */
  async open() {
    clearTimeout(this.#timer);
    if (this.#socket !== null) return;
    this.#on.state("connecting");
    let session;
    try {
      session = await this.#fetch("/board/session");
      if (session.status === 401) return this.#refused(session);
      if (session.status === 503) return this.#later("starting", await reason(session));
      if (!session.ok) return this.#later("lost", await reason(session));
      this.#connect(await this.#ticket());
    } catch {
      this.#later("lost");
    }
  }

  get hasToken() {
    return this.#token !== null;
  }

  /** Send what the page shows; sent again after each reconnect. */
  ask(request) {
    this.#last = request;
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(request));
  }

  /** Connect with this token, which is sent in headers only. */
  signIn(token) {
    this.#token = token;
    this.#failures = 0;
    this.open();
  }

  /** Forget the token. */
  signOut() {
    this.#token = null;
    this.#last = null;
    this.#isLeaving = true;
    this.#socket?.close();
    this.#on.state("login");
  }

  #fetch(path, options = {}) {
    const headers = this.#token === null ? {} : { authorization: `Bearer ${this.#token}` };
    return fetch(path, { ...options, headers, cache: "no-store" });
  }

  /** A one-time ticket for the socket, which can have no header. Null: none is needed. */
  async #ticket() {
    if (this.#token === null) return null;
    const answer = await this.#fetch("/v1/tickets", { method: "POST" });
    if (!answer.ok) throw new Error(await reason(answer));
    return (await answer.json()).ticket;
  }

  async #refused(session) {
    const had = this.#token !== null;
    this.#token = null;
    this.#on.state("login", had ? (await reason(session)) || "The gateway does not know this token." : "");
  }

  #connect(ticket) {
    const url = new URL("/board/feed", location.href);
    if (ticket !== null) url.searchParams.set("ticket", ticket);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    this.#socket = socket;
    socket.onopen = () => {
      this.#failures = 0;
      if (this.#last) socket.send(JSON.stringify(this.#last));
    };
    socket.onmessage = (message) => {
      const frame = JSON.parse(message.data);
      if (frame.hello) this.#on.state("live");
      this.#on.frame(frame);
    };
    socket.onclose = (event) => {
      this.#socket = null;
      if (this.#isLeaving) this.#isLeaving = false;
      else if (event.code === EXPIRED) this.#on.state("login", "The token has expired.");
      else this.#later("lost");
    };
  }

  /** Again after a pause with jitter, which grows: not all pages at once. */
  #later(state, detail = "") {
    const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#failures);
    this.#failures += 1;
    const pause = longest / 2 + (Math.random() * longest) / 2;
    this.#on.state(state, detail, pause);
    this.#timer = setTimeout(() => this.open(), pause);
  }
}

async function reason(answer) {
  try {
    return (await answer.json()).error ?? "";
  } catch {
    return "";
  }
}
