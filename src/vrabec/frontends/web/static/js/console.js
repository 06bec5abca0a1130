// A console's connection: a ticket, a WebSocket, and both again when they are lost. What is drawn and typed on is
// the screen's (screen.js) or the terminal's (serial.js): `attach(socket)` gives { opened, keys, type, focus }.

const RETRY_SECONDS = [0.3, 1, 2, 5, 5, 10];
const PASTE_LIMIT = 10000;

export function start(attach) {
  const place = document.getElementById("console");
  const part = (selector) => place.querySelector(selector);
  let attached = null;
  let failures = 0;
  let timer = null;
  let attempt = 0; // what an older attempt still hears is not for this one

  async function connect({ take = false } = {}) {
    clearTimeout(timer);
    timer = null;
    const mine = ++attempt;
    show("connecting");
    const answer = await ticket(take);
    if (mine !== attempt) return;
    if (answer.path) open(mine, answer);
    else ended(answer.status, answer.code, answer.message);
  }

  async function ticket(take) {
    const headers = { "content-type": "application/json", "x-csrftoken": part("[name=csrfmiddlewaretoken]").value };
    const body = JSON.stringify({ kind: place.dataset.kind, take });
    try {
      const answer = await fetch(place.dataset.ticket, { method: "POST", headers, body });
      const said = await answer.json();
      return answer.ok ? said : { status: answer.status, ...said.error };
    } catch {
      return { status: 503 };
    }
  }

  function open(mine, { path, protocols }) {
    const address = new URL(path, location);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address, protocols);
    socket.binaryType = "arraybuffer";
    socket.addEventListener("close", ({ code, reason }) => {
      if (mine !== attempt) return;
      const [, name, sentence] = reason.match(/^(\w+): (.*)$/s) ?? [];
      ended(code >= 4000 ? code - 4000 : 503, name, sentence);
    });
    socket.addEventListener("message", () => mine === attempt && opened(), { once: true });
    attached = attach(socket);
  }

  function opened() {
    failures = 0;
    show("open");
    attached.focus();
  }

  function ended(status, code, sentence = "") {
    attached?.close();
    attached = null;
    if (code === "wrong_state") show("off", sentence);
    else if (code === "conflict") show("busy", sentence);
    else if (status >= 400 && status < 500 && status !== 429) show("refused", sentence);
    else again(sentence);
  }

  // The first try comes before anybody reads a message: a console process that starts again is back by then.
  function again(sentence) {
    const seconds = RETRY_SECONDS[Math.min(failures++, RETRY_SECONDS.length - 1)];
    show(failures > 1 ? "lost" : "connecting", sentence);
    timer = setTimeout(connect, seconds * 1000);
  }

  function show(state, sentence = "") {
    place.dataset.state = state;
    const line = part("#console-state");
    const known = state === "open" || state === "connecting" ? state : "lost";
    line.dataset.state = { open: "running", connecting: "changing", lost: "off" }[known];
    line.querySelector("use").setAttribute("href", `#shape-${line.dataset.state}`);
    line.querySelector(".state-word").textContent = line.dataset[known];
    for (const box of place.querySelectorAll("[data-say]")) {
      box.hidden = box.dataset.say !== state;
      if (!box.hidden) box.querySelector("[data-text]").textContent = sentence;
    }
    for (const button of place.querySelectorAll("[data-keys]")) button.disabled = state !== "open";
  }

  // A machine that was off and is not any more: look again, but not for each of its cells.
  function onCells(cells) {
    const off = place.dataset.state === "off" && timer === null;
    const mine = cells.find((cell) => String(cell.id) === place.dataset.console);
    if (off && mine && !["off", "crashed", "unknown"].includes(mine.state)) timer = setTimeout(connect, 500);
  }

  function onClick(event) {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.keys) attached?.keys(button.dataset.keys.split(" "));
    else if ("takeOver" in button.dataset) connect({ take: true });
    else if ("again" in button.dataset) connect();
    else if ("full" in button.dataset) part("#console-ground").requestFullscreen();
    else return;
    for (const menu of place.querySelectorAll("details[open]")) menu.open = false;
    attached?.focus();
  }

  async function onPaste(event) {
    event.preventDefault();
    const text = part("#paste-text").value.slice(0, PASTE_LIMIT) + (part("#paste-enter").checked ? "\n" : "");
    const wrong = part("#paste-wrong");
    const strange = attached?.cannotType(text) ?? "";
    wrong.hidden = strange === "";
    wrong.textContent = wrong.dataset.text.replace("{signs}", strange);
    if (!attached || strange) return;
    part("#paste").open = false;
    part("#paste-text").value = "";
    attached.focus();
    await attached.type(text);
  }

  function onKey(event) {
    if (event.key !== "Escape" || !event.shiftKey || event.type !== "keydown") return;
    event.preventDefault();
    event.stopImmediatePropagation();
    part("[data-full]").focus();
  }

  place.addEventListener("click", onClick);
  part("#paste-form").addEventListener("submit", onPaste);
  part("#paste").addEventListener("toggle", ({ target }) => target.open && part("#paste-text").focus());
  part("#console-view").addEventListener("keydown", onKey, true);
  document.addEventListener("vrabec:vm", ({ detail }) => onCells(detail));
  addEventListener("pagehide", () => attached?.close());
  connect();
}
