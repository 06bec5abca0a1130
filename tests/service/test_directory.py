"""People of a real LDAP directory sign in: their accounts, their groups, and what goes wrong with it."""

import gc
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from django_auth_ldap.backend import LDAPBackend  # noqa: F401 - where it is missing, all of this is

from tests import slapd
from tests.cast import PASSWORD, Site, site
from vrabec.config import directory, directory_rounds
from vrabec.config.directory_look import look_at_directory
from vrabec.config.files import Config
from vrabec.config.findings import Grade
from vrabec.lib.actor import SYSTEM
from vrabec.lib.errors import Invalid, Unauthenticated, Unavailable
from vrabec.models.audit import Audit
from vrabec.models.identities import Identity
from vrabec.models.users import Group, Membership, User
from vrabec.services import groups, identities, people, tokens

__all__ = ["site"]
pytestmark = pytest.mark.skipif(slapd.missing() is not None, reason=str(slapd.missing()))
PEOPLE = {"j.novak": "Jan Novák", "eva": "Eva Malá", "ada": "Another Ada"}
GROUPS = {"staff": ["eva"], "Students of Botany": ["j.novak", "eva"]}
MODEL = "django.contrib.auth.backends.ModelBackend"
STARTS_TLS = bytes.fromhex("300c02010178070a010004000400")
"""The answer to StartTLS: success."""
REMOVE = f"dn: cn=staff,{slapd.GROUPS}\nchangetype: delete\n"


@pytest.fixture(scope="module")
def ldap() -> Iterator[slapd.Slapd]:
    with slapd.Slapd(PEOPLE, GROUPS) as running:
        yield running


@pytest.fixture
def asked(ldap: slapd.Slapd, settings: Any, site: Site, monkeypatch: pytest.MonkeyPatch) -> slapd.Slapd:
    """A site that asks this directory."""
    monkeypatch.setattr(people, "_FAILURES", people.Failures())
    ask(ldap, settings)
    return ldap


def ask(ldap: slapd.Slapd, settings: Any, **other: str) -> None:
    for name, value in directory.settings(Config(**(ldap.settings | other))).items():
        setattr(settings, name, value)
    settings.AUTHENTICATION_BACKENDS = [MODEL, "vrabec.config.directory_backend.Directory"]


def test_the_first_sign_in_makes_the_account(asked: slapd.Slapd) -> None:
    user = people.sign_in("J.Novak ", slapd.PASSWORD, "127.0.0.9")
    user.refresh_from_db()
    assert (user.username, user.full_name, user.email) == ("j.novak", "Jan Novák", "j.novak@univ.example")
    assert not user.has_usable_password()
    begun = Audit.objects.get(action="session.begin")
    assert (begun.subject, begun.address, begun.detail) == ("j.novak", "127.0.0.9", {"by": "ldap"})
    assert people.sign_in("j.novak", slapd.PASSWORD).pk == user.pk
    assert Audit.objects.filter(action="user.create", subject="j.novak").count() == 1


@pytest.mark.parametrize(
    ("name", "password"),
    [("j.novak", "wrong"), ("nobody", slapd.PASSWORD), ("j.novak", ""), ("*", slapd.PASSWORD), ("", "")],
)
def test_who_cannot_show_the_password_stays_out(asked: slapd.Slapd, name: str, password: str) -> None:
    with pytest.raises(Unauthenticated, match="name or the password is wrong"):
        people.sign_in(name, password)
    assert not User.objects.filter(username="j.novak").exists()


def test_groups_of_the_directory_put_people_into_ours_and_take_them_out(
    asked: slapd.Slapd, site: Site
) -> None:
    botany = follows(site, "botany", ["STUDENTS of botany"])
    staff = follows(site, "staff", ["staff"])
    by_hand = groups.create_group(site.administrator.actor, name="by-hand")
    eva = people.sign_in("eva", slapd.PASSWORD)
    groups.add_member(site.administrator.actor, group=by_hand, username="eva")
    assert in_groups(eva) == {"botany", "staff", "by-hand"}
    groups.follow(site.administrator.actor, group=staff, outside=["others"])
    people.sign_in("eva", slapd.PASSWORD)
    assert in_groups(eva) == {"botany", "by-hand"}
    assert Audit.objects.filter(action="group.drop", subject="staff", detail__by="ldap").count() == 1
    groups.add_member(site.administrator.actor, group=botany, username="eva")
    groups.follow(site.administrator.actor, group=botany, outside=[])
    assert in_groups(eva) == {"botany", "by-hand"}, "a membership given by hand stays"


def test_a_local_account_is_not_the_directorys(asked: slapd.Slapd, site: Site) -> None:
    with pytest.raises(Unauthenticated):
        people.sign_in("ada", slapd.PASSWORD)
    assert people.sign_in("ada", PASSWORD) == site.administrator.user
    identities.link(site.administrator.actor, user=site.administrator.user, source="ldap", subject="ada")
    assert people.sign_in("ada", slapd.PASSWORD) == site.administrator.user
    identities.unlink(site.administrator.actor, user=site.administrator.user, source="ldap")
    with pytest.raises(Unauthenticated):
        people.sign_in("ada", slapd.PASSWORD)


def test_a_closed_account_stays_closed(asked: slapd.Slapd) -> None:
    eva = people.sign_in("eva", slapd.PASSWORD)
    User.objects.filter(pk=eva.pk).update(is_active=False)
    with pytest.raises(Unauthenticated, match="closed"):
        people.sign_in("eva", slapd.PASSWORD)


def test_while_the_directory_is_away_local_people_get_in_and_others_are_told(
    ldap: slapd.Slapd, asked: slapd.Slapd, site: Site
) -> None:
    ldap.stop()
    try:
        with pytest.raises(Unavailable, match="directory does not answer") as caught:
            people.sign_in("eva", slapd.PASSWORD)
        assert "SERVER_DOWN" in caught.value.raw
        assert people.sign_in("ada", PASSWORD) == site.administrator.user
    finally:
        ldap.start()


def test_who_is_gone_from_the_directory_is_out(site: Site, settings: Any) -> None:
    with slapd.Slapd({name: name for name in ("one", "two", "three")}, {"staff": ["one", "two"]}) as own:
        ask(own, settings)
        staff = follows(site, "staff", ["staff"])
        users = [people.sign_in(name, slapd.PASSWORD) for name in ("one", "two", "three")]
        _, secret = tokens.create_token(people.actor_of(users[0]), name="kept")
        own.stop()
        own.offline("slapmodify", f"dn: {slapd.dn_of('one')}\nchangetype: delete\n")
        own.offline("slapmodify", f"dn: cn=staff,{slapd.GROUPS}\nchangetype: delete\n")
        with pytest.raises(Unavailable):
            directory_rounds.go_round()
        own.start()
        assert directory_rounds.go_round() == ["one"]
    assert [User.objects.get(pk=user.pk).is_active for user in users] == [False, True, True]
    with pytest.raises(Unauthenticated):
        tokens.actor_of_token(secret)
    assert list(staff.memberships.values_list("user__username", flat=True)) == ["one"], (
        "a closed account rests"
    )
    closed = Audit.objects.get(action="user.change")
    assert (closed.actor, closed.subject) == (SYSTEM.name, "one")


def test_settings_that_find_nobody_close_no_account(asked: slapd.Slapd, settings: Any) -> None:
    for name in PEOPLE:
        Identity.objects.create(
            user=User.objects.get_or_create(username=name)[0], source="ldap", subject=name
        )
    ask(asked, settings, ldap_login="description")
    assert directory_rounds.go_round() == []
    assert User.objects.filter(username__in=PEOPLE, is_active=True).count() == len(PEOPLE)


def test_a_directory_that_hangs_is_waited_for_no_longer_than_its_patience(
    ldap: slapd.Slapd, asked: slapd.Slapd, site: Site
) -> None:
    ldap.hang()
    try:
        with pytest.raises(Unavailable, match="directory does not answer"):
            people.sign_in("eva", slapd.PASSWORD)
        assert people.sign_in("ada", PASSWORD) == site.administrator.user
    finally:
        ldap.resume()
    assert people.sign_in("eva", slapd.PASSWORD).username == "eva"


@pytest.mark.parametrize(
    ("setting", "value", "raw"),
    [
        ("ldap_bind_dn", f"cn=other,{slapd.BASE}", "INVALID_CREDENTIALS"),
        ("ldap_ca", "/etc/ssl/certs/ca-certificates.crt", "CONNECT_ERROR|SERVER_DOWN"),
        ("ldap_users", "ou=nothing,dc=univ,dc=example", "NO_SUCH_OBJECT"),
    ],
)
def test_wrong_settings_say_that_it_is_not_the_password(
    asked: slapd.Slapd, settings: Any, setting: str, value: str, raw: str
) -> None:
    ask(asked, settings, **{setting: value})
    with pytest.raises(Unavailable) as caught:
        people.sign_in("eva", slapd.PASSWORD)
    assert caught.value.raw.partition(":")[0] in raw.split("|")


@pytest.mark.parametrize(
    ("setting", "value", "grade", "words"),
    [
        ("ldap_login", "uid", Grade.OK, "answers"),
        ("ldap_bind_dn", f"cn=other,{slapd.BASE}", Grade.FAIL, "refuses ldap_bind_dn"),
        ("ldap_ca", "/etc/ssl/certs/ca-certificates.crt", Grade.FAIL, "is named in ldap_ca"),
        ("ldap_ca", "/nowhere/ca.pem", Grade.FAIL, "ldap_ca /nowhere/ca.pem cannot be used"),
        ("ldap_users", "ou=nothing,dc=univ,dc=example", Grade.FAIL, "no ou=nothing,dc=univ,dc=example"),
        ("ldap_url", "ldap://127.0.0.1:1", Grade.FAIL, "Connection refused"),
    ],
)
def test_doctor_says_what_is_wrong_with_it(
    ldap: slapd.Slapd, setting: str, value: str, grade: Grade, words: str
) -> None:
    [finding] = look_at_directory(Config(**(ldap.settings | {setting: value})))
    assert (finding.grade, finding.name) == (grade, "directory")
    assert words in finding.text


def test_doctor_says_nothing_of_a_directory_that_nobody_named() -> None:
    assert list(look_at_directory(Config())) == []


def test_a_directory_may_speak_tls_from_the_start(asked: slapd.Slapd, settings: Any) -> None:
    ask(asked, settings, ldap_url=asked.ldaps_url)
    assert people.sign_in("eva", slapd.PASSWORD).username == "eva"


def test_a_name_that_the_certificate_does_not_have_is_not_the_directory(
    asked: slapd.Slapd, settings: Any
) -> None:
    ask(asked, settings, ldap_url=asked.url.replace("127.0.0.1", "localhost"))
    with pytest.raises(Unavailable) as caught:
        people.sign_in("eva", slapd.PASSWORD)
    assert "localhost" in caught.value.raw


def test_the_password_goes_nowhere_without_tls(asked: slapd.Slapd, settings: Any) -> None:
    with slapd.Slapd(PEOPLE, {}, has_tls=False) as bare:
        ask(bare, settings)
        with pytest.raises(Unavailable) as caught:
            people.sign_in("eva", slapd.PASSWORD)
    assert "StartTLS was refused: protocolError" in caught.value.raw


@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
def test_a_handshake_that_hangs_is_waited_for_no_longer_than_its_patience(
    asked: slapd.Slapd, settings: Any, scheme: str
) -> None:
    with listening(STARTS_TLS if scheme == "ldap" else b"") as port:
        ask(asked, settings, ldap_url=f"{scheme}://127.0.0.1:{port}")
        with pytest.raises(Unavailable) as caught:
            people.sign_in("eva", slapd.PASSWORD)
    assert "timed out" in caught.value.raw


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x30\x0c", b"\x30\x80" * 400])
def test_what_is_no_directory_is_told(asked: slapd.Slapd, settings: Any, answer: bytes) -> None:
    with listening(answer, ends=True) as port:
        ask(asked, settings, ldap_url=f"ldap://127.0.0.1:{port}")
        with pytest.raises(Unavailable, match="directory does not answer"):
            people.sign_in("eva", slapd.PASSWORD)


def test_a_connection_that_is_done_with_leaves_no_thread(asked: slapd.Slapd) -> None:
    people.sign_in("eva", slapd.PASSWORD)
    gc.collect()
    for thread in threading.enumerate():
        if thread.name == "directory connection":
            thread.join(30)
            assert not thread.is_alive()


def test_wrong_words_in_the_settings_are_named(ldap: slapd.Slapd, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="posixGroup"):
        directory.settings(Config(**(ldap.settings | {"ldap_group_kind": "none"})))
    with pytest.raises(Invalid, match="cannot be read"):
        directory.settings(Config(**(ldap.settings | {"ldap_bind_password_file": str(tmp_path / "no")})))


@contextmanager
def listening(answer: bytes, *, ends: bool = False) -> Iterator[int]:
    """Something that answers the first words of a connection so, and then nothing, or ends it; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as kept:
        thread = threading.Thread(target=_answer_each, args=(server, answer, None if ends else kept))
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def _answer_each(server: socket.socket, answer: bytes, kept: ExitStack | None) -> None:
    with suppress(OSError):
        while True:
            connection = server.accept()[0]
            connection.recv(4096)
            connection.sendall(answer)
            if kept:
                kept.enter_context(connection)
            else:
                connection.close()


def follows(site: Site, name: str, outside: list[str]) -> Group:
    made = groups.create_group(site.administrator.actor, name=name)
    return groups.follow(site.administrator.actor, group=made, outside=outside)


def in_groups(user: User) -> set[str]:
    return set(Membership.objects.filter(user=user).values_list("group__name", flat=True))
