"""A project's title, and its end, by page."""

from tests.cast import Site
from tests.frontend.test_web_access import browser, note, post, text_of
from vrabec.lib.clock import now
from vrabec.models.projects import Project
from vrabec.models.vms import Vm


def test_an_owner_changes_the_title_on_its_page(site: Site) -> None:
    at = "/projects/alpha"
    page = text_of(browser(site.owner), at)
    assert f'href="{at}/change"' in page
    assert f"{at}/remove" not in page
    assert "The name alpha stays" in text_of(browser(site.owner), f"{at}/change")
    assert post(site.owner, f"{at}/change", title="The first <b>") == at
    assert "<h1>The first &lt;b&gt;</h1>" in text_of(browser(site.viewer), at)
    refused = post(site.owner, f"{at}/change", 422, title="x" * 121)
    assert note(refused, "title") == "A title has 120 signs at most, on one line."
    assert "x" * 121 in refused


def test_one_with_machines_says_so_and_has_no_button(site: Site) -> None:
    page = text_of(browser(site.administrator), "/projects/alpha/remove")
    assert "One machine lies in it: delete it first." in page
    assert 'href="/?project=alpha">web</a>' in page
    assert "data-ask-button" not in page
    page = post(site.administrator, "/projects/alpha/remove", 409, name="alpha")
    assert "These machines still lie in the project alpha: web. Delete them first." in page


def test_an_empty_one_is_removed_by_its_name(site: Site) -> None:
    Vm.objects.update(deleted_at=now())
    at = "/projects/alpha/remove"
    assert f'href="{at}"' in text_of(browser(site.administrator), "/projects/alpha")
    assert "3 roles in it end." in text_of(browser(site.administrator), at)
    refused = post(site.administrator, at, 422, name="beta")
    assert note(refused, "name") == "This is not the name of the project: alpha."
    assert Project.objects.filter(name="alpha").exists()
    assert post(site.administrator, at, name="alpha") == "/projects"
    text_of(browser(site.administrator), "/projects/alpha", 404)
    text_of(browser(site.owner), "/", 200)
    assert "Remove project alpha" in text_of(browser(site.administrator), "/activity")
