"""Sessions: whose they are, how late they are, and how they end."""

from datetime import timedelta

import pytest
from django.contrib.sessions.backends.base import UpdateError

from tests.cast import Site, site
from vrabec.lib.clock import now
from vrabec.lib.errors import Forbidden, NotFound
from vrabec.models.audit import Audit
from vrabec.models.sessions import Session
from vrabec.models.users import User
from vrabec.services import accounts, people, sessions
from vrabec.services.accounts import Account
from vrabec.services.session_store import SessionStore

__all__ = ["site"]


def begun(user: User, **columns: object) -> SessionStore:
    """One as sign-in leaves it."""
    made = SessionStore()
    made["_auth_user_id"] = str(user.pk)
    made["address"], made["agent"] = "192.0.2.7", "Firefox on Linux"
    made.save()
    Session.objects.filter(pk=made.row_id).update(**columns)
    return SessionStore(made.session_key)


def test_the_key_is_not_in_the_table(site: Site) -> None:
    store = begun(site.owner.user)
    assert store["agent"] == "Firefox on Linux"
    assert store.session_key not in str(list(Session.objects.values()))
    assert Session.objects.get().user == site.owner.user


def test_one_sees_and_ends_one_s_own_alone(site: Site) -> None:
    mine, other = begun(site.owner.user), begun(site.stranger.user)
    [row] = sessions.list_sessions(site.owner.actor)
    assert (row.agent, row.address) == ("Firefox on Linux", "192.0.2.7")
    assert "_auth_user_id" in other
    with pytest.raises(NotFound):
        sessions.end_session(site.owner.actor, session_id=other.row_id or 0)
    sessions.end_session(site.owner.actor, session_id=row.pk)
    assert "_auth_user_id" not in SessionStore(mine.session_key)
    assert Audit.objects.get(action="session.end").detail["where"] == "Firefox on Linux"


def test_all_others_end_and_this_one_stays(site: Site) -> None:
    this, that, foreign = begun(site.owner.user), begun(site.owner.user), begun(site.viewer.user)
    this.load()
    assert sessions.end_other_sessions(site.owner.actor, but=this.row_id) == 1
    assert [bool(SessionStore(s.session_key).load()) for s in (this, that, foreign)] == [True, False, True]
    assert sessions.end_other_sessions(site.owner.actor, but=this.row_id) == 0


def test_an_administrator_signs_somebody_out_and_nobody_else_does(site: Site) -> None:
    begun(site.owner.user)
    for who in (site.operator, site.teammate):
        with pytest.raises(Forbidden):
            sessions.sign_out_user(who.actor, user=site.owner.user)
    assert sessions.sign_out_user(site.administrator.actor, user=site.owner.user) == 1
    line = Audit.objects.get(action="user.sign_out")
    assert (line.subject, line.detail["sessions"]) == ("olga", 1)


def test_sessions_of_a_closed_account_do_not_come_back_with_it(site: Site) -> None:
    store, admin = begun(site.owner.user), site.administrator.actor
    accounts.change_account(admin, user=site.owner.user, account=Account(full_name="Olga Nová"))
    assert SessionStore(store.session_key).load()
    for is_active in (False, True):
        accounts.change_account(admin, user=site.owner.user, account=Account(is_active=is_active))
    assert not SessionStore(store.session_key).load()


def test_a_new_password_ends_all_sessions(site: Site) -> None:
    begun(site.owner.user)
    people.set_password(site.owner.actor, password="a quite new phrase", current="correct horse battery")
    assert not Session.objects.exists()


def test_a_session_of_nobody_lasts_an_hour(db: None) -> None:
    SessionStore().create()
    left = Session.objects.get().expires_at - now()
    assert timedelta(minutes=59) < left < timedelta(minutes=61)


def test_a_session_that_was_ended_is_not_written_back(site: Site) -> None:
    store = begun(site.owner.user)
    store["more"] = 1
    Session.objects.all().delete()
    with pytest.raises(UpdateError):
        store.save()
    assert not Session.objects.exists()


def test_when_a_browser_was_seen_is_written_once_in_some_minutes(site: Site) -> None:
    early = now() - timedelta(minutes=4)
    store = begun(site.owner.user, seen_at=early)
    store.load()
    sessions.see_session(store, "192.0.2.8")
    assert Session.objects.get().seen_at == early
    Session.objects.update(seen_at=now() - timedelta(minutes=6))
    store.load()
    sessions.see_session(store, "192.0.2.8")
    row = Session.objects.get()
    assert (row.seen_at > early, row.address) == (True, "192.0.2.8")


def test_what_has_ended_by_time_signs_nobody_in_and_is_removed(site: Site) -> None:
    store, lasting = begun(site.owner.user, expires_at=now()), begun(site.viewer.user)
    assert not store.load()
    assert not sessions.list_sessions(site.owner.actor)
    sessions.forget_expired()
    assert Session.objects.get().user == site.viewer.user
    assert lasting.load()
