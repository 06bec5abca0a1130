"""Draw the pages to look at them: `python -m tests.frontend.look FOLDER [NAME ...]` writes PNGs to FOLDER.

Not a test: it serves the real views over a made-up world (scene.py) and photographs them at the sizes of the
drawn targets, light and dark. CHROMIUM names the browser; FONTCONFIG_FILE may give it another font.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIServer, make_server

from vrabec.lib.sealed import new_key

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESK, PHONE = {"width": 1440, "height": 900}, {"width": 360, "height": 800}
PAGES = {
    "machines": "/",
    "machine": "/machines/12",
    "machine-day": "/machines/12?range=1d",
    "machine-words": "/machines/12?range=1w",
    "machine-off": "/machines/15",
    "machine-lost": "/machines/2",
    "machine-activity": "/machines/12/activity",
    "hardware": "/machines/12/hardware",
    "describe": "/machines/12/describe",
    "rename": "/machines/15/rename",
    "clone": "/machines/15/clone",
    "delete": "/machines/13/delete",
    "create": "/machines/new",
    "mine": "/mine",
    "nothing": "/?q=nowhere",
    "filtered": "/?state=running&host=kvm1&sort=memory",
    "hosts": "/hosts",
    "templates": "/templates",
    "projects": "/projects",
    "access": "/machines/12/access?person=inigo&may=vm.power_off",
    "access-by-person": "/machines/12/access?by=person",
    "access-refused": "/machines/12/access",
    "project": "/projects/studium",
    "people": "/people",
    "user-remove": "/people",
    "user-menu": "/people",
    "groups": "/groups",
    "group": "/groups/1",
    "roles": "/roles",
    "role-new": "/new-role",
    "role": "/roles/night-shift",
    "site-access": "/people/site",
    "activity": "/activity",
    "jobs": "/jobs?show=all",
    "account": "/account",
    "password": "/account/password",
    "second-factor": "/account/second-factor",
    "factor-app": "/account/second-factor",
    "factor-remove": "/account/second-factor/app/remove",
    "missing": "/machines/999999",
    "sign-in": "/sign-in",
    "drawer": "/",
    "dialog": "/machines/12",
    "refused": "/machines/new",
    "why": "/machines/new",
    "cluster": "/hosts",
    "cluster-of": "/hosts",
    "maintenance": "/hosts",
    "resume": "/hosts",
    "capacity": "/clusters/1/capacity",
    "balance": "/clusters/1/balance",
    "cluster-access": "/clusters/1/access",
    "menu": "/machines/12",
    "move": "/machines/12",
    "find": "/machines/12",
    "xml": "/machines/12/xml",
    "views": "/views",
    "view-save": "/?state=running&q=moodle",
    "columns": "/",
    "per-page": "/",
    "all-columns": "/?cols=host.project.address.cpu.memory.disk.cpus.template.network.mac.by.created",
    "bulk": "/",
    "bulk-menu": "/",
    "bulk-delete": "/",
    "places": "/",
    "zdenek": "/",
    "inigo": "/",
}
PICKED = (
    ("click", "[data-pick-mode]"),
    *(("click", f"tr:nth-child({row}) [data-pick]") for row in (5, 9, 10, 11)),
)
ACTS: dict[str, tuple[tuple[str, str], ...]] = {
    "drawer": (("click", "#jobs > summary"),),
    "dialog": (("click", "#actions summary"), ("click", "#actions a.bad-text"), ("type", "#ask-name")),
    "refused": (("type", "#name"), ("check", "input[value=custom]"), ("click", "button.btn-wide")),
    "why": (("click", "button[hx-target='#placement']"),),
    "factor-app": (("click", "form[action$=app] button"),),
    "cluster": (("click", ".cluster-head .btn"),),
    "cluster-of": (("click", "tr a[href$=cluster]"),),
    "maintenance": (("click", "tr a[href$=maintenance]"),),
    "resume": (("click", "tr a[href$=resume]"),),
    "menu": (("click", "#actions summary"),),
    "move": (("click", "#actions summary"), ("click", "#actions a[href$=migrate]")),
    "find": (("type", "[data-key-search]"),),
    "view-save": (("click", "#chips details:last-of-type summary"), ("click", "#chips a[hx-get]")),
    "access-refused": (
        ("type", "#who"),
        ("check", "input[name=role][value=viewer]"),
        ("click", "form[action$=grants] .btn-wide"),
    ),
    "user-menu": (("click", "tr:nth-child(2) summary"),),
    "user-remove": (
        ("click", "tr:nth-child(2) summary"),
        ("click", "tr:nth-child(2) a.bad-text"),
        ("type", "dialog #name"),
    ),
    "roles": (("click", ".role-line:last-child summary"),),
    "columns": (("click", ".list-foot .no-phone > summary"),),
    "per-page": (("click", ".list-foot summary"),),
    "bulk": PICKED,
    "bulk-menu": (*PICKED, ("click", "#bulk summary")),
    "bulk-delete": (*PICKED, ("click", "#bulk .btn-bad"), ("type", "#how_many")),
    "places": (("click", "[data-side]"),),
    "machine-words": (("click", "#history summary"),),
}
TYPED = {
    "#who": "íñigo",
    "dialog #name": "inigo",
    "#ask-name": "moodle",
    "#name": "raft_lab 3",
    "#how_many": "4",
    "[data-key-search]": "stop mo",
}


class Server(ThreadingMixIn, WSGIServer):
    """Threads, as a page and its parts come at once."""

    daemon_threads = True


def prepare(folder: Path) -> None:
    """Configure Django on a fresh database, serving static files from the source tree."""
    (folder / "data").mkdir()
    (folder / "run").mkdir()
    config = folder / "vrabec.toml"
    config.write_text(f'data_dir = "{folder}/data"\nrun_dir = "{folder}/run"\n')
    (folder / "data/seal.key").write_text(new_key())
    os.environ["VRABEC_CONFIG"] = str(config)
    os.environ["DJANGO_SETTINGS_MODULE"] = "vrabec.config.settings"
    import django
    from django.conf import settings

    settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    settings.WHITENOISE_USE_FINDERS = settings.WHITENOISE_AUTOREFRESH = True
    settings.LOGGING["root"]["level"] = "WARNING"
    settings.ROOT_URLCONF = "tests.frontend.live_stub"
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def serve() -> tuple[Server, str]:
    """Serve the site on a free port of the loopback."""
    from wsgiref.simple_server import WSGIRequestHandler

    from django.core.wsgi import get_wsgi_application

    class Quiet(WSGIRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

    server = make_server("127.0.0.1", 0, get_wsgi_application(), server_class=Server, handler_class=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}"  # type: ignore[return-value]


def session_cookie(user: Any, base: str) -> dict[str, str]:
    """A signed-in session of `user`."""
    from django.conf import settings
    from django.test import Client

    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    return {"name": name, "value": client.cookies[name].value, "url": base}


def main(folder: Path, names: list[str]) -> None:
    """Photograph the pages."""
    from playwright.sync_api import sync_playwright

    from tests.frontend.scene import build

    people = build()
    server, base = serve()
    os.environ.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)
    cookies = {name: session_cookie(user, base) for name, user in people.items()}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for size, viewport in (("desk", DESK), ("phone", PHONE)):
            for theme in ("light", "dark"):
                shots(browser, folder, names or list(PAGES), (size, viewport, theme), base, cookies)
        browser.close()
    server.shutdown()


def shots(  # noqa: PLR0917 - a script
    browser: Any, folder: Path, names: list[str], how: tuple[str, Any, str], base: str, cookies: Any
) -> None:
    """All pages in one size and theme."""
    size, viewport, theme = how
    context = browser.new_context(
        viewport=viewport, color_scheme=theme, device_scale_factor=2 if size == "phone" else 1
    )
    page = context.new_page()
    page.on("console", lambda message: print(message.type, message.text, file=sys.stderr))
    page.on("pageerror", lambda error: print("error", error, file=sys.stderr))
    for name in names:
        context.clear_cookies()
        if name != "sign-in":
            context.add_cookies([cookies.get(name, cookies["jana"])])
        page.goto(base + PAGES[name])
        for verb, selector in ACTS.get(name, ()):
            act(page, verb, selector)
        page.wait_for_timeout(350)
        page.screenshot(path=folder / f"{name}-{size}-{theme}.png")
    context.close()


def act(page: Any, verb: str, selector: str) -> None:
    """One thing a person does; what is not there at this width is left out."""
    found = page.locator(selector).first
    if verb == "type" and found.is_visible():
        found.fill(TYPED[selector])
    elif verb == "check":
        found.check(force=True)
    elif verb == "click" and found.is_visible():
        found.click()
    page.wait_for_timeout(150)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="vrabec-look-") as scratch:
        prepare(Path(scratch))
        target = Path(sys.argv[1])
        target.mkdir(parents=True, exist_ok=True)
        main(target, sys.argv[2:])
