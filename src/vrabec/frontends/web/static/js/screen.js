// The screen: noVNC on the console's connection.
import RFB from "../vendor/novnc/core/rfb.js";
import { initLogging } from "../vendor/novnc/core/util/logging.js";
import { start } from "./console.js";
import { codeOf, keysymOf } from "./keys.js";

const KEY_MILLISECONDS = 40; // QEMU's keyboard has room for 16 bytes; what a busy guest has not read is lost

initLogging("none"); // what goes wrong the page says itself

const view = document.getElementById("console-view");
const fit = document.querySelector("[data-fit]");
let screen = null;

fit.addEventListener("click", () => {
  const wanted = fit.getAttribute("aria-pressed") !== "true";
  fit.setAttribute("aria-pressed", wanted);
  if (screen) apply();
});

function apply() {
  screen.scaleViewport = fit.getAttribute("aria-pressed") === "true";
  screen.clipViewport = !screen.scaleViewport;
  screen.dragViewport = screen.clipViewport;
}

start((socket) => {
  view.replaceChildren();
  const rfb = new RFB(view, socket, { shared: true });
  screen = rfb;
  rfb.background = "transparent";
  apply();
  rfb.addEventListener("connect", () => view.querySelector("canvas").setAttribute("aria-label", view.dataset.label));
  const press = (name, down) => rfb.sendKey(keysymOf(name), codeOf(name), down);
  return {
    focus: () => rfb.focus(),
    close: () => rfb.disconnect(),
    keys(names) {
      for (const name of names) press(name, true);
      for (const name of names.toReversed()) press(name, false);
    },
    cannotType: (text) => [...new Set(text)].filter((sign) => !codeOf(sign)).join(" "),
    async type(text) {
      let held = false;
      for (const sign of text) {
        const shift = /^[A-Z~!@#$%^&*()_+{}|:"<>?]$/.test(sign);
        if (shift !== held) press("Shift", (held = shift));
        press(sign, true);
        press(sign, false);
        await new Promise((resume) => setTimeout(resume, KEY_MILLISECONDS));
      }
      if (held) press("Shift", false);
    },
  };
});
