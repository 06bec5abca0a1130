"""The list as a file: what the search finds and the reader may see, in its columns, and no formulas."""

import csv
import io

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cast import Person, Site
from tests.frontend.test_web_vms import browser, text_of
from vrabec.frontends.web.export import BOM, harmless
from vrabec.lib.clock import now
from vrabec.models.audit import Audit
from vrabec.models.vms import Seen, Vm, VmLoad
from vrabec.services import lists

pytestmark = pytest.mark.django_db
ALWAYS = ["Id", "State", "Name", "Tags"]


def exported(person: Person, query: str = "") -> list[list[str]]:
    """The file's rows, its titles first."""
    answer = browser(person).get(f"/machines.csv{query}", secure=True)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="machines-{now():%Y-%m-%d}.csv"'
    text = answer.content.decode()
    assert text.startswith(BOM)
    return list(csv.reader(io.StringIO(text.removeprefix(BOM), newline="")))


def test_the_file_has_the_columns_on_show_in_plain_numbers(site: Site) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(seen=Seen.RUNNING, has_agent=False, memory_mib=192)
    VmLoad.objects.create(vm=site.vm, cpu_percent=18.44, memory_used_mib=96, disk_used_mib=12, seen_at=now())
    titles, row = exported(site.administrator, "?cols=host.cpu.memory")
    assert titles == [*ALWAYS, "Host", "CPU, %", "Memory used, MiB", "Memory, MiB"]
    assert row == [str(site.vm.pk), "Running", "web", "", "kvm1", "18.4", "96", "192"]


def test_every_column_can_be_exported(site: Site) -> None:
    titles, row = exported(site.administrator, f"?cols={'.'.join(lists.COLUMNS)}")
    assert len(titles) == len(row) == len(ALWAYS) + len(lists.COLUMNS) + 2


def test_all_pages_are_in_it_in_the_lists_order(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "PART", 20)
    for number in range(60):
        site.make_vm(f"vm-{number:02d}", seen=Seen.RUNNING if number % 2 else Seen.OFF)
    rows = exported(site.owner, "?q=state:running&sort=name&page=2&per_page=50")[1:]
    assert [row[2] for row in rows] == [f"vm-{number:02d}" for number in range(1, 60, 2)]


def test_it_costs_two_queries_more_for_each_part(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(9):
        site.make_vm(f"vm-{number}")
    client = browser(site.owner)
    counts = []
    for part in (10, 5):
        monkeypatch.setattr(lists, "PART", part)
        with CaptureQueriesContext(connection) as made:
            client.get("/machines.csv", secure=True)
        counts.append(len(made))
    assert counts[1] == counts[0] + 2


def test_strangers_get_their_own_alone_and_no_host(site: Site) -> None:
    assert exported(site.stranger)[1:] == []
    assert [row[2] for row in exported(site.viewer)[1:]] == ["web"]
    assert "Host" not in exported(site.owner, "?cols=host.cpu")[0]


def test_a_name_from_a_host_is_no_formula(site: Site) -> None:
    for name in ("=1+1", "@x", '-"a",b\nc', "+x"):
        site.make_vm(name)
    found = {row[2] for row in exported(site.administrator)[1:]}
    assert found == {"'=1+1", "'@x", '\'-"a",b\nc', "'+x", "web"}


@pytest.mark.parametrize(
    ("value", "written"), [("\t=x", "'\t=x"), ("a=1", "a=1"), ("", ""), (-1, -1), (None, None)]
)
def test_only_what_begins_as_a_formula_is_quoted(value: object, written: object) -> None:
    assert harmless(value) == written


def test_a_search_that_is_not_understood_is_refused(site: Site) -> None:
    assert "Nothing can be searched by colour" in text_of(
        browser(site.owner), "/machines.csv?q=colour:red", 422
    )


def test_looking_is_not_recorded(site: Site) -> None:
    before = Audit.objects.count()
    exported(site.owner)
    assert Audit.objects.count() == before


def test_the_link_carries_the_search_and_the_order(site: Site) -> None:
    page = text_of(browser(site.owner), "/?q=we&sort=name&cols=cpu&page=1")
    assert 'href="/machines.csv?q=we&amp;sort=name&amp;cols=cpu"' in page
