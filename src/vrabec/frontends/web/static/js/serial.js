// The serial line: xterm.js on the console's connection.
import { FitAddon } from "../vendor/xterm/addon-fit.mjs";
import { Terminal } from "../vendor/xterm/xterm.mjs";
import { start } from "./console.js";

const SPOKEN = { Escape: "\x1b", Tab: "\t", Enter: "\r", ArrowUp: "\x1b[A", "Control c": "\x03", "Control d": "\x04" };
const TYPED_BYTES = 4096;

const view = document.getElementById("console-view");
const fit = new FitAddon();
const terminal = new Terminal({ fontSize: 14, cursorBlink: true, scrollback: 5000, theme: { background: "#0a0c0f" } });
const encoder = new TextEncoder();
let line = null;

terminal.loadAddon(fit);
terminal.open(view);
new ResizeObserver(() => fit.fit()).observe(view);
terminal.textarea.setAttribute("aria-label", view.dataset.label);
terminal.onData((typed) => send(encoder.encode(typed)));
terminal.onBinary((typed) => send(Uint8Array.from(typed, (sign) => sign.charCodeAt(0))));

function send(bytes) {
  if (line?.readyState !== WebSocket.OPEN) return;
  for (let at = 0; at < bytes.length; at += TYPED_BYTES) line.send(bytes.subarray(at, at + TYPED_BYTES));
}

start((socket) => {
  line = socket;
  socket.addEventListener("message", ({ data }) => terminal.write(new Uint8Array(data)));
  return {
    focus: () => terminal.focus(),
    close: () => socket.close(),
    keys: (names) => send(encoder.encode(SPOKEN[names.join(" ")])),
    cannotType: () => "",
    type: async (text) => send(encoder.encode(text.replaceAll(/\r?\n/g, "\r"))),
  };
});
