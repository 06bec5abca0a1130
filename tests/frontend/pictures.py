"""Take the documentation's pictures: `scripts/screenshots [NAME ...]` writes docs/pictures/NAME.png.

The pages are the real views over the made-up world of scene.py; the console is that of a machine which runs.
Each is made small by pngquant: the folder has to stay under MOST_KIB.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.frontend.look import CHROMIUM, FLAGS, act, prepare, serve, session_cookie

FOLDER = Path(__file__).parents[2] / "docs/pictures"
MOST_KIB = 600
DESK, PHONE = {"width": 1440, "height": 810}, {"width": 360, "height": 720}
DRAWN = "() => [...document.querySelectorAll('[data-plot]')].every((plot) => plot.querySelector('canvas'))"
COMMANDS = ("clear", "uname -sr", "hostname", "uptime")


@dataclass(frozen=True)
class Picture:
    """A page of the made-up site, in a size and a theme, after some acts."""

    path: str
    size: dict[str, int]
    theme: str = "light"
    acts: tuple[tuple[str, str], ...] = ()


PICTURES = {
    "machines": Picture("/", DESK),
    "machines-phone": Picture("/", PHONE),
    "machine": Picture("/machines/12?range=1d", DESK),
    "machine-phone": Picture("/machines/12?range=1d", PHONE, "dark"),
    "create": Picture("/machines/new", DESK),
    "jobs": Picture("/", DESK, "dark", (("click", "#jobs > summary"),)),
}


def main(names: list[str]) -> None:
    """Take these, or all."""
    if not shutil.which("pngquant"):
        sys.exit("screenshots: apt-get install pngquant")
    FOLDER.mkdir(exist_ok=True)
    if "console" in names or not names:
        console()
    if wanted := {name: PICTURES[name] for name in names or PICTURES if name != "console"}:
        with tempfile.TemporaryDirectory(prefix="vrabec-pictures-") as scratch:
            prepare(Path(scratch))
            pages(wanted)
    sizes = {path.name: path.stat().st_size / 1024 for path in sorted(FOLDER.glob("*.png"))}
    for name, kib in sizes.items():
        print(f"{name:22} {kib:5.0f} KiB")
    if sum(sizes.values()) > MOST_KIB:
        sys.exit(f"screenshots: {sum(sizes.values()):.0f} KiB are more than {MOST_KIB}")


def pages(wanted: dict[str, Picture]) -> None:
    """Those of the made-up site, as its administrator sees them."""
    from playwright.sync_api import sync_playwright

    from tests.frontend.scene import build

    people = build()
    server, base = serve()
    cookie = session_cookie(people["jana"], base)
    os.environ.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for name, picture in wanted.items():
            scale = 2 if picture.size is PHONE else 1
            context = browser.new_context(
                viewport=picture.size, color_scheme=picture.theme, device_scale_factor=scale
            )
            context.add_cookies([cookie])
            page = context.new_page()
            page.goto(base + picture.path)
            for verb, selector in picture.acts:
                act(page, verb, selector)
            keep(page, name)
            context.close()
        browser.close()
    server.shutdown()


def console() -> None:
    """The screen of a machine that was just made."""
    from tests.e2e.chromium import Person, launched
    from tests.e2e.controller import ADMINISTRATOR, PASSWORD, Controller
    from tests.e2e.machines import Machines

    with (
        Controller() as controller,
        controller.client() as client,
        launched(controller.certificate) as browser,
    ):
        vm = Machines(client).create("wren")
        person = Person(browser, controller.url, viewport=DESK, color_scheme="dark")
        person.sign_in(ADMINISTRATOR, PASSWORD)
        page = person.open(f"/machines/{vm['id']}/console")
        page.locator("#console-state", has_text="Connected").wait_for()
        page.locator("#console-view canvas").click()
        for command in COMMANDS:
            page.keyboard.type(command, delay=120)
            page.keyboard.press("Enter")
            page.wait_for_timeout(1000)
        keep(page, "console")


def keep(page: Any, name: str) -> None:
    """Take the picture once all is drawn, and make it small."""
    page.wait_for_function(DRAWN)
    page.wait_for_timeout(800)
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path)
    subprocess.run(["pngquant", "--force", "--strip", "--speed", "1", "--output", path, path], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
