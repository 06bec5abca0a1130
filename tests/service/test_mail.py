"""Mail goes out by a real SMTP server, once; what is refused for now is tried again, what is refused ends."""

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from django.db import transaction

from tests.cast import Site, site
from tests.mailserver import PASSWORD, USER, MailServer
from tests.service.test_doctor import found
from tests.service.test_doctor import site as controller
from vrabec.config.daemon import vrabecd
from vrabec.config.findings import Finding, Grade
from vrabec.lib.clock import now
from vrabec.lib.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from vrabec.models.audit import Audit
from vrabec.models.mail import Mail
from vrabec.models.users import User
from vrabec.services.mail import Letter, get_unsent, list_unsent, send_again, write_mail
from vrabec.workflows.mail import FIRST_PAUSE, LONGEST_PAUSE, PATIENCE, Post, send_due, send_test

__all__ = ["controller", "site"]
pytestmark = pytest.mark.django_db
LETTER = Letter("Your machine", "It is there.")


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        yield running


@pytest.fixture
def post(site: Site, server: MailServer, settings: Any) -> MailServer:
    """The server that the settings name; Olga has an address."""
    use(settings, server)
    User.objects.filter(username="olga").update(email="olga@univ.example", full_name="Olga Malá")
    return server


def use(settings: Any, server: MailServer, **changes: Any) -> None:
    given = {"mail_server": "127.0.0.1", "mail_port": server.port, "mail_security": "none"}
    given |= {"mail_from": "vrabec@univ.example", "public_url": "https://cloud.univ.example"}
    settings.VRABEC_CONFIG = replace(settings.VRABEC_CONFIG, **(given | changes))


def olga() -> User:
    return User.objects.get(username="olga")


def write(*people: User) -> int:
    return write_mail(people or [olga()], LETTER)


def text_of(got: EmailMessage) -> str:
    return str(got.get_content()).replace("\r\n", "\n")


def due_again() -> None:
    Mail.objects.update(not_before=now() - timedelta(seconds=1))


def test_a_letter_goes_out_once_with_greeting_and_signature(post: MailServer) -> None:
    assert write() == 1
    assert post.got == []
    assert [send_due(), send_due()] == [1, 0]
    [got] = post.got
    assert (got["To"], got["From"]) == ("olga@univ.example", "Vrabec <vrabec@univ.example>")
    assert (got["Subject"], got["Auto-Submitted"]) == ("Your machine", "auto-generated")
    text = text_of(got)
    assert text.startswith("Hello Olga Malá,\n\nIt is there.\n\n")
    assert "https://cloud.univ.example" in text
    assert Mail.objects.get().sent_at


def test_it_is_written_with_what_causes_it_or_not_at_all(post: MailServer) -> None:
    with transaction.atomic():
        write()
        transaction.set_rollback(True)
    assert send_due() == 0


def test_who_has_no_address_or_no_account_any_more_gets_none(post: MailServer, site: Site) -> None:
    assert write(site.teammate.user) == 0
    User.objects.update(is_active=False)
    assert write() == 0


def test_without_a_server_nothing_is_written(site: Site) -> None:
    User.objects.update(email="somebody@univ.example")
    assert write() == 0
    assert not Mail.objects.exists()


def test_nothing_in_a_name_becomes_a_head(post: MailServer) -> None:
    User.objects.filter(username="olga").update(full_name="Olga\nBcc: x@example.org")
    write_mail([olga()], Letter("Your\r\nBcc: x@example.org", "words"))
    assert send_due() == 1
    assert post.got[0]["Bcc"] is None
    assert post.got[0]["Subject"] == "Your Bcc: x@example.org"


def test_a_server_that_is_away_gets_it_later_and_later(post: MailServer, settings: Any) -> None:
    use(settings, post, mail_port=1)
    write()
    for tries in (1, 2, 3):
        assert send_due() == 0
        mail = Mail.objects.get()
        assert mail.tries == tries
        assert mail.error
        assert mail.not_before
        pause = mail.not_before - now()
        assert timedelta(0) <= FIRST_PAUSE * 2 ** (tries - 1) - pause < timedelta(seconds=30)
        assert send_due() == 0
        assert Mail.objects.get().tries == tries
        due_again()
    use(settings, post)
    assert send_due() == 1
    assert len(post.got) == 1


def test_no_pause_is_longer_than_the_longest_and_after_days_it_is_given_up(
    post: MailServer, settings: Any
) -> None:
    use(settings, post, mail_port=1)
    write()
    Mail.objects.update(tries=5000)
    send_due()
    mail = Mail.objects.get()
    assert mail.not_before
    assert mail.not_before - now() <= LONGEST_PAUSE
    assert mail.given_up_at is None
    Mail.objects.update(created_at=now() - PATIENCE - timedelta(minutes=1))
    due_again()
    send_due()
    assert Mail.objects.get().given_up_at


def test_one_that_is_refused_for_good_ends_and_the_others_go_on(post: MailServer, site: Site) -> None:
    User.objects.filter(username="tom").update(email="tom@univ.example")
    post.refuses["olga@univ.example"] = "550 nobody of this name"
    write(olga(), User.objects.get(username="tom"))
    assert send_due() == 1
    assert [got["To"] for got in post.got] == ["tom@univ.example"]
    mail = Mail.objects.get(to="olga@univ.example")
    assert mail.given_up_at
    assert re.fullmatch(r"550 .*nobody of this name.*", mail.error)


def test_one_that_is_refused_for_now_waits(post: MailServer) -> None:
    post.busy = "451 come back later"
    write()
    assert send_due() == 0
    assert Mail.objects.get().given_up_at is None
    post.busy = ""
    due_again()
    assert send_due() == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_by_tls_with_a_user_and_an_authority_of_ones_own(
    site: Site, settings: Any, tmp_path: Path, security: str
) -> None:
    secret = tmp_path / "password"
    secret.write_text(f"{PASSWORD}\n")
    with MailServer(tmp_path / "pki", is_tls=security == "tls", asks=True) as server:
        own = {"mail_security": security, "mail_user": USER, "mail_password_file": str(secret)}
        use(settings, server, mail_ca=str(tmp_path / "pki/cacert.pem"), **own)
        send_test(settings.VRABEC_CONFIG, "somebody@univ.example")
        assert [got["To"] for got in server.got] == ["somebody@univ.example"]
        secret.write_text("wrong")
        with pytest.raises(Unavailable, match="see the settings that begin with mail_"):
            send_test(settings.VRABEC_CONFIG, "somebody@univ.example")
        secret.write_text(PASSWORD)
        use(settings, server, mail_ca="", **own)
        with pytest.raises(Unavailable, match="certificate verify failed"):
            send_test(settings.VRABEC_CONFIG, "somebody@univ.example")
        assert len(server.got) == 1


def test_a_password_file_that_cannot_be_read_keeps_the_mail(post: MailServer, settings: Any) -> None:
    use(settings, post, mail_user=USER, mail_password_file="/nowhere/password")
    write()
    assert send_due() == 0
    assert "/nowhere/password" in Mail.objects.get().error


@pytest.mark.django_db(transaction=True)
def test_the_engines_thread_sends_what_waits_and_forgets_what_is_old(post: MailServer) -> None:
    write()
    Mail.objects.create(
        user=olga(), to="x@univ.example", subject="old", text="", created_at=now() - timedelta(days=31),
        sent_at=now(),
    )  # fmt: skip
    thread = Post()
    thread.start()
    thread.join(0.5)
    deadline = now() + timedelta(seconds=10)
    while not post.got and now() < deadline:
        thread.join(0.1)
    thread.stop()
    assert [got["Subject"] for got in post.got] == ["Your machine"]
    assert [mail.subject for mail in Mail.objects.all()] == ["Your machine"]


# --- vrabecd doctor


def configured(controller: Path, *lines: str) -> None:
    path = controller / "vrabec.toml"
    path.write_text("\n".join([path.read_text(), *lines, ""]))


# --- what was given up


@pytest.fixture
def lost(post: MailServer) -> Mail:
    """A letter to Olga, given up after four days of tries."""
    write()
    then = now() - timedelta(days=4)
    Mail.objects.update(
        created_at=then, given_up_at=now(), tries=30, error="no answer", to="old@univ.example"
    )
    return Mail.objects.get()


def test_administrators_see_what_was_given_up_and_send_it_to_the_address_of_today(
    site: Site, post: MailServer, lost: Mail
) -> None:
    ada = site.administrator.actor
    assert [mail.pk for mail in list_unsent(ada)] == [lost.pk]
    assert send_due() == 0
    send_again(ada, mail=get_unsent(ada, mail_id=lost.pk))
    line = Audit.objects.get(action="mail.send")
    assert (line.actor, line.kind, line.subject, line.detail) == (
        "ada", "mail", "Your machine", {"to": "olga@univ.example"},
    )  # fmt: skip
    assert send_due() == 1
    assert [got["To"] for got in post.got] == ["olga@univ.example"]
    assert list(list_unsent(ada)) == []


def test_what_is_sent_again_has_three_days_again(
    site: Site, post: MailServer, lost: Mail, settings: Any
) -> None:
    send_again(site.administrator.actor, mail=lost)
    use(settings, post, mail_port=1)
    send_due()
    lost.refresh_from_db()
    assert (lost.tries, lost.given_up_at) == (1, None)


@pytest.mark.parametrize("change", [{"email": ""}, {"is_active": False}])
def test_who_has_no_address_or_account_any_more_is_named(
    site: Site, lost: Mail, change: dict[str, object]
) -> None:
    User.objects.filter(username="olga").update(**change)
    ada = site.administrator.actor
    with pytest.raises(Invalid, match="olga has no address, or a closed account"):
        send_again(ada, mail=get_unsent(ada, mail_id=lost.pk))
    assert not Audit.objects.filter(action="mail.send").exists()


def test_it_is_sent_again_once(site: Site, lost: Mail) -> None:
    ada = site.administrator.actor
    send_again(ada, mail=get_unsent(ada, mail_id=lost.pk))
    with pytest.raises(NotFound):
        get_unsent(ada, mail_id=lost.pk)
    with pytest.raises(Conflict):
        send_again(ada, mail=lost)
    assert Audit.objects.filter(action="mail.send").count() == 1


def test_nobody_else_reads_or_sends_it(site: Site, lost: Mail) -> None:
    for person in (site.operator, site.owner, site.teammate, site.stranger):
        with pytest.raises(Forbidden):
            list_unsent(person.actor)
        with pytest.raises(Forbidden):
            get_unsent(person.actor, mail_id=lost.pk)
        with pytest.raises(Forbidden):
            send_again(person.actor, mail=lost)


def test_doctor_says_nothing_of_mail_where_none_is_sent(controller: Path) -> None:
    with pytest.raises(ValueError, match="empty"):
        found("mail")


def test_doctor_asks_the_server(controller: Path, server: MailServer) -> None:
    own = ('mail_server = "127.0.0.1"', 'mail_security = "none"', 'mail_from = "v@univ.example"')
    configured(controller, *own, f"mail_port = {server.port}")
    assert found("mail") == Finding(Grade.OK, "mail", "127.0.0.1 answers")


def test_doctor_says_when_it_does_not_answer_and_what_is_lost(controller: Path) -> None:
    configured(controller, 'mail_server = "127.0.0.1"', "mail_port = 1", 'mail_from = "v@univ.example"')
    assert found("mail").grade == Grade.FAIL
    assert "127.0.0.1:1 does not take our mail" in found("mail").text


def test_a_test_mail_goes_out_at_once_or_says_why_not(controller: Path, server: MailServer) -> None:
    run = CliRunner().invoke
    assert "No mail is sent" in run(vrabecd, ["mail-test", "a@univ.example"]).output
    own = ('mail_server = "127.0.0.1"', 'mail_security = "none"', 'mail_from = "v@univ.example"')
    configured(controller, *own, f"mail_port = {server.port}")
    assert "took a mail to a@univ.example" in run(vrabecd, ["mail-test", "a@univ.example"]).output
    assert [got["To"] for got in server.got] == ["a@univ.example"]
    server.refuses["b@univ.example"] = "550 nobody of this name"
    said = run(vrabecd, ["mail-test", "b@univ.example"])
    assert isinstance(said.exception, Unavailable)
    assert "nobody of this name" in str(said.exception)


def test_the_password_is_for_us_alone(controller: Path) -> None:
    secret = controller / "mail-password"
    secret.write_text(PASSWORD)
    os.chmod(secret, 0o644)
    configured(controller, f'mail_password_file = "{secret}"')
    assert str(secret) in found("secrets").text
