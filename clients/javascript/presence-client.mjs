// A subscriber of Rollcall's gateway for browsers and Node.js (18 or newer): one file, no packages.
//
//   const presence = new Presence("https://presence.example.com", "domain=example.com");
//   for await (const [aor, record] of presence.changes()) console.log(aor, record?.status);
//
// It reconnects by itself, with its cursor, and each change comes out once (docs/subscribing.md).
// Unlike EventSource it sends a token, and waits longer each time. `node presence-client.mjs URL
// [QUERY]` prints each change as a line of JSON.

// Milliseconds between attempts: doubled after each that did not get to `live`, drawn at random.
const PAUSE_MIN = 1000;
const PAUSE_MAX = 30_000;
// Answers that stay the same however often one asks.
const FINAL = new Set([400, 403, 404, 405, 406, 421]);
// There may be others one day.
const EVENTS = new Set(["presence", "removed", "live", "cursor", "expired"]);

/** The gateway will not serve this: the query or the token is wrong. `status` is HTTP's. */
export class Refused extends Error {
  constructor(status, detail) {
    super(`${status}: ${detail}`);
    this.status = status;
  }
}

/** Keeps `users`, a Map by AOR, as the gateway has them. */
export class Presence {
  #url;
  #token;
  #idle;
  #log;
  #renew = false;
  #wasRenewed = false;
  #retry = PAUSE_MIN;
  #attempts = 0;
  #closed = new AbortController();
  // What came before `live`: nothing of it counts if the connection ends before.
  #fresh = null;

  /**
   * `token(renew)` returns the bearer token or a promise of it, a new one where `renew` is true: the
   * last was refused or has expired. Without a byte for `idleMs` (three keep-alives) it reconnects.
   */
  constructor(url, query = "", { token = () => null, idleMs = 45_000, log = () => {} } = {}) {
    this.users = new Map();
    this.cursor = "";
    this.#url = `${url.replace(/\/$/, "")}/presence?${query}`;
    this.#token = token;
    this.#idle = idleMs;
    this.#log = log;
  }

  /** Ends `changes`. */
  close() {
    this.#closed.abort();
  }

  /** Each change of a user: [AOR, record], or [AOR, null]. Ends after `close`; throws Refused. */
  async *changes() {
    while (!this.#closed.signal.aborted) {
      let after = 0;
      const connection = new AbortController();
      const end = () => connection.abort();
      this.#closed.signal.addEventListener("abort", end);
      try {
        const response = await this.#connect(connection);
        if (response.status === 200) yield* this.#read(response.body.getReader(), connection);
        else after = await this.#refused(response);
      } catch (error) {
        if (error instanceof Refused) throw error;
        this.#log(`disconnected: ${error}`);
      } finally {
        // The connection is closed before the next one is opened.
        connection.abort();
        this.#closed.signal.removeEventListener("abort", end);
      }
      await this.#sleep(Math.max(after, this.#pause()));
    }
  }

  // -- one connection ---------------------------------------------------------------------------
  async #connect(connection) {
    const headers = { accept: "text/event-stream" };
    const token = await this.#token(this.#renew);
    if (token) headers.authorization = `Bearer ${token}`;
    [this.#wasRenewed, this.#renew, this.#fresh] = [this.#renew, false, []];
    // With `cursor` in the query no event has another id than a cursor.
    const url = `${this.#url}&cursor=${encodeURIComponent(this.cursor)}`;
    return this.#within(connection, fetch(url, { headers, signal: connection.signal, cache: "no-store" }));
  }

  /** The promise's value; ends the connection when it takes too long. */
  async #within(connection, promise) {
    const timer = setTimeout(() => connection.abort(new Error("nothing was received")), this.#idle);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  async *#read(reader, connection) {
    const decoder = new TextDecoder();
    let rest = "";
    let [event, data] = ["", []];
    for (;;) {
      const { done, value } = await this.#within(connection, reader.read());
      if (done) throw new Error("the stream ended");
      rest += decoder.decode(value, { stream: true });
      // A \r at the end may be half of a line's end.
      const lines = rest.split(/\r\n|\n|\r(?=[^\n])/);
      rest = lines.pop();
      for (const line of lines) {
        const [, name, text] = /^([^:]*):? ?(.*)$/s.exec(line);
        if (line === "") {
          if (data.length) yield* this.#event(event, data.join("\n"));
          [event, data] = ["", []];
        } else if (name === "data") data.push(text);
        else if (name === "event") event = text;
        else if (name === "retry" && /^\d+$/.test(text)) this.#retry = Number(text);
      }
    }
  }

  *#event(event, data) {
    if (!EVENTS.has(event)) return;
    const content = JSON.parse(data);
    if (event === "presence") yield* this.#take(content.aor, content);
    else if (event === "removed") yield* this.#take(content.aor, null);
    else if (event === "live") yield* this.#becomeLive(content);
    else if (event === "cursor") this.cursor = content.cursor;
    else if (event === "expired") {
      this.#renew = true;
      throw new Error("the token has expired");
    }
  }

  // -- the users --------------------------------------------------------------------------------
  *#take(aor, record) {
    if (this.#fresh !== null) this.#fresh.push([aor, record]);
    else if (record === null) {
      if (this.users.delete(aor)) yield [aor, null];
    } else if (record.version > (this.users.get(aor)?.version ?? 0)) {
      this.users.set(aor, record);
      yield [aor, record];
    }
  }

  *#becomeLive(content) {
    let fresh = this.#fresh;
    [this.#fresh, this.#attempts] = [null, 0];
    if (!content.resumed) {
      // What was sent is all there is, also where it is older than what was known.
      const state = new Map(fresh.filter(([, record]) => record !== null));
      for (const aor of [...this.users.keys()]) if (!state.has(aor)) yield* this.#take(aor, null);
      for (const [aor, record] of state) {
        if ((this.users.get(aor)?.version ?? 0) > record.version) this.users.delete(aor);
      }
      fresh = state;
    }
    for (const [aor, record] of fresh) yield* this.#take(aor, record);
    this.cursor = content.cursor ?? "";
  }

  // -- between connections ----------------------------------------------------------------------
  /** Milliseconds to wait at least. Throws Refused where to try again is of no use. */
  async #refused(response) {
    const body = (await response.text()).slice(0, 10_000);
    const { status } = response;
    this.#log(`${status}: ${body}`);
    if (status === 400 && this.cursor && body.includes('"cursor"')) this.cursor = "";
    else if (status === 401 && !this.#wasRenewed) this.#renew = true;
    else if (FINAL.has(status) || status === 401) throw new Refused(status, body);
    return 1000 * (Number(response.headers.get("retry-after")) || 0);
  }

  #pause() {
    const longest = Math.min(PAUSE_MAX, this.#retry * 2 ** this.#attempts);
    this.#attempts = Math.min(this.#attempts + 1, 10);
    return longest / 2 + (Math.random() * longest) / 2;
  }

  #sleep(milliseconds) {
    const { signal } = this.#closed;
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const timer = setTimeout(resolve, milliseconds);
      signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
    });
  }
}

async function main([url, query], environment) {
  const { readFile } = await import("node:fs/promises");
  const file = environment.ROLLCALL_TOKEN_FILE;
  const presence = new Presence(url, query, {
    token: async () => (file ? (await readFile(file, "utf8")).trim() : null),
    idleMs: 1000 * Number(environment.ROLLCALL_IDLE_SECONDS ?? 45),
    log: (text) => console.error(text),
  });
  for await (const [aor, record] of presence.changes()) {
    console.log(JSON.stringify({ aor, record }));
  }
}

if (typeof process !== "undefined" && process.argv[1]?.endsWith("presence-client.mjs")) {
  main(process.argv.slice(2), process.env).catch((error) => {
    console.error(String(error));
    process.exitCode = 1;
  });
}
