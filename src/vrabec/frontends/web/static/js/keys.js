// Keys of a US keyboard by name or sign: X11's keysym, and the code of the key itself (UI Events), which is what
// QEMU goes by. https://www.w3.org/TR/uievents-code/

const NAMED = {
  Control: [0xffe3, "ControlLeft"],
  Alt: [0xffe9, "AltLeft"],
  Shift: [0xffe1, "ShiftLeft"],
  Delete: [0xffff, "Delete"],
  Escape: [0xff1b, "Escape"],
  Tab: [0xff09, "Tab"],
  Enter: [0xff0d, "Enter"],
  ArrowUp: [0xff52, "ArrowUp"],
  F1: [0xffbe, "F1"],
  F2: [0xffbf, "F2"],
  F3: [0xffc0, "F3"],
  "\n": [0xff0d, "Enter"],
  "\t": [0xff09, "Tab"],
};
const SIGNS = {
  Space: " ", Backquote: "`~", Minus: "-_", Equal: "=+", BracketLeft: "[{", BracketRight: "]}", Backslash: "\\|",
  Semicolon: ";:", Quote: "'\"", Comma: ",<", Period: ".>", Slash: "/?",
};
const CODES = new Map(Object.entries(SIGNS).flatMap(([code, signs]) => [...signs].map((sign) => [sign, code])));
[..."1234567890"].forEach((digit, at) => {
  CODES.set(digit, `Digit${digit}`);
  CODES.set("!@#$%^&*()"[at], `Digit${digit}`);
});
for (const letter of "abcdefghijklmnopqrstuvwxyz") {
  CODES.set(letter, `Key${letter.toUpperCase()}`);
  CODES.set(letter.toUpperCase(), `Key${letter.toUpperCase()}`);
}

// undefined where no key makes this sign
export function codeOf(name) {
  return NAMED[name]?.[1] ?? CODES.get(name);
}

// Signs of ASCII are their own keysyms.
export function keysymOf(name) {
  return NAMED[name]?.[0] ?? name.codePointAt(0);
}
