"""What stands on a VGA text screen, read from its pixels with the font of QEMU's own VGA BIOS."""

from functools import cache
from pathlib import Path

from playwright.sync_api import Page

BIOS = Path("/usr/share/seabios/vgabios-stdvga.bin")
LETTER_A = bytes.fromhex("000010386cc6c6fec6c6c6c600000000")
CELL_WIDTH, CELL_HEIGHT = 9, 16
"""Of text mode 3 in 720 x 400: the ninth column is a gap."""
_PIXELS = """canvas => {
  const { width, height } = canvas;
  if (!width || !height) return [1, ""];  // the guest changes its mode
  const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const { data } = copy.getImageData(0, 0, width, height);
  let bits = "";
  for (let at = 0; at < data.length; at += 4) bits += data[at] + data[at + 1] + data[at + 2] > 96 ? "1" : "0";
  return [width, bits];
}"""


def text_of(page: Page) -> str:
    """The lines on the noVNC canvas; signs that the font does not have are "·"."""
    canvas = page.locator("#console-view canvas")
    if canvas.count() == 0:
        return ""
    width, bits = canvas.evaluate(_PIXELS)
    rows = [bits[at : at + width] for at in range(0, len(bits), width)]
    lines = (rows[top : top + CELL_HEIGHT] for top in range(0, len(rows), CELL_HEIGHT))
    return "\n".join(_line(line, width).rstrip() for line in lines)


def _line(rows: list[str], width: int) -> str:
    signs = []
    for left in range(0, width - 8, CELL_WIDTH):
        glyph = bytes(int(row[left : left + 8], 2) for row in rows)
        signs.append(_font().get(glyph, "·"))
    return "".join(signs)


@cache
def _font() -> dict[bytes, str]:
    rom = BIOS.read_bytes()
    start = rom.index(LETTER_A) - ord("A") * CELL_HEIGHT
    glyphs = {}
    for code in [*range(33, 127), 32]:  # the last of equal glyphs wins: a blank is a space
        glyphs[rom[start + code * CELL_HEIGHT : start + (code + 1) * CELL_HEIGHT]] = chr(code)
    return glyphs
