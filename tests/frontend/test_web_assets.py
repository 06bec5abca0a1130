"""Files that pages load: vendored ones are what the manifest says, ours use only what there is."""

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib.staticfiles.finders import get_finder
from django.test import override_settings

from vrabec.config.static_files import gather_static_files
from vrabec.frontends import web
from vrabec.services.lists import COLUMNS

ROOT = Path(__file__).parents[2]
WEB = Path(web.__file__).parent
TEMPLATES = {file: file.read_text() for file in (WEB / "templates").rglob("*.html")}
CSS = "".join(file.read_text() for file in sorted((WEB / "static/css").glob("*.css")))
TABLER = (WEB / "static/vendor/tabler/tabler.min.css").read_text()
HOOKS = {"state-word"}
"""Classes that only a script looks for."""


def test_vendored_files_are_those_of_the_manifest() -> None:
    subprocess.run([sys.executable, ROOT / "scripts/vendor", "--check"], check=True)


def test_every_icon_in_use_is_there_and_every_icon_there_is_used() -> None:
    known = set(json.loads((WEB / "static/vendor/icons/icons.json").read_text()))
    text = "".join(TEMPLATES.values()) + "".join(file.read_text() for file in WEB.glob("*.py"))
    quoted = set(re.findall(r'"([a-z0-9-]+)"', text))
    called = set(re.findall(r'icon\("([a-z0-9-]+)"', text))
    assert called <= known
    assert known <= quoted


def test_every_class_of_a_template_is_one_of_a_style_sheet() -> None:
    known = set(re.findall(r"\.([a-zA-Z][\w-]*)", CSS)) | set(re.findall(r"\.([a-zA-Z][\w-]*)", TABLER))
    used: set[str] = set()
    for text in TEMPLATES.values():
        for classes in re.findall(r'class="([^"]*)"', text):
            used |= set(re.sub(r"\{\{.*?\}\}|\{%.*?%\}", " ", classes).split())
    assert {name for name in used - known - HOOKS if not name.endswith("-")} == set()


def test_our_classes_are_used() -> None:
    ours = set(re.findall(r"\.([a-zA-Z][\w-]*)", re.sub(r"/\*.*?\*/|url\([^)]*\)", "", CSS, flags=re.S)))
    scripts = "".join(file.read_text() for file in (WEB / "static/js").glob("*.js"))
    text = "".join(TEMPLATES.values()) + scripts + "".join(file.read_text() for file in WEB.glob("*.py"))
    words = set(re.findall(r"[\w-]+", text))
    made = {f"{kind}-{name}" for kind in "cw" for name in COLUMNS}
    made |= {"strip-ok", "strip-warn", "strip-bad", "mark-ok", "mark-warn", "mark-bad"}
    assert {name for name in ours if name not in words and name not in made} == set()


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The static files as they are served."""
    root = tmp_path_factory.mktemp("static")
    storage = {"staticfiles": {"BACKEND": "vrabec.frontends.web.assets.AssetStorage"}}
    with override_settings(STATIC_ROOT=root, STORAGES=storage):
        gather_static_files()
    return root


def test_files_are_gathered_again_when_a_source_changed(tmp_path: Path) -> None:
    source, root = tmp_path / "source", tmp_path / "static"
    source.mkdir()
    (source / "a.css").write_text("a {}")
    with override_settings(STATIC_ROOT=root, STATICFILES_DIRS=[source]):
        get_finder.cache_clear()
        gather_static_files()
        (root / "a.css").unlink()
        gather_static_files()
        assert not (root / "a.css").exists(), "nothing had changed"
        (source / "a.css").write_text("a { color: red }")
        gather_static_files()
        assert (root / "a.css").read_text() == "a { color: red }"
    get_finder.cache_clear()


def test_modules_import_each_other_by_hashed_names(collected: Path) -> None:
    (entry,) = (collected / "js").glob("main.????????????.js")
    imports = re.findall(r'from "\./([^"]+)"', entry.read_text())
    assert len(imports) == 7
    for name in imports:
        assert re.fullmatch(r"\w+\.[0-9a-f]{12}\.js", name)
        assert (collected / "js" / name).exists()
    for other in ("bulk", "charts"):
        (page,) = (collected / "js").glob(f"{other}.????????????.js")
        assert re.findall(r'from "\./(\w+)\.[0-9a-f]{12}\.js"', page.read_text())


def test_what_a_first_visit_loads_is_small(collected: Path) -> None:
    of_pages = {"bare", "charts", "console", "create", "quota", "resize", "screen", "serial"}
    files = [
        *(file for file in (WEB / "static/js").glob("*.js") if file.stem not in of_pages),
        WEB / "static/css/vrabec.css",
        WEB / "static/img/sparrow.svg",
    ]
    files += [WEB / "static/vendor/tabler/tabler.min.css", WEB / "static/vendor/htmx/htmx.min.js"]
    assert sum(len(gzip.compress(file.read_bytes(), 9)) for file in files) < 125_000
