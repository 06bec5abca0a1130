"""What all templates have: messages as Jinja's own newstyle gettext gives them, one token for all forms."""

import re

import pytest

from tests.cast import Site
from tests.frontend.test_web_vms import browser
from vrabec.frontends.web.jinja import environment


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("{% trans name=name %}Move {{ name }}{% endtrans %}", "Move &lt;b&gt;"),
        ("{% trans name=name %}{{ name }}, 5 %{% endtrans %}", "&lt;b&gt;, 5 %"),
        ("{% trans %}5 % of it{% endtrans %}", "5 % of it"),
        ("{{ _('<i>bold</i>') }}", "<i>bold</i>"),
        ("{{ _('Build %(title)s', title=name) }}", "Build &lt;b&gt;"),
        ("{% trans count=2 %}one{% pluralize %}{{ count }} {{ name }}{% endtrans %}", "2 &lt;b&gt;"),
    ],
)
def test_what_is_put_into_a_message_is_escaped(template: str, shown: str) -> None:
    assert environment().from_string(template).render(name="<b>") == shown


def test_all_forms_of_a_page_have_one_token_and_each_page_another(site: Site) -> None:
    reader = browser(site.administrator)

    def tokens() -> list[str]:
        page = reader.get(f"/machines/{site.vm.pk}", secure=True).content.decode()
        return re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)

    first, second = tokens(), tokens()
    assert len(first) > 1
    assert len(set(first)) == 1
    assert set(first).isdisjoint(second)
