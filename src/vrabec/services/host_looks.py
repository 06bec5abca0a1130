"""A look at a host before it is added: the key of its ssh server, and what runs there.

A job and not a request, as everything that asks a host: one that does not answer keeps nobody waiting but
whoever asked, and a page can be left and come back to. What was seen stands in the job's arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.db import transaction

from vrabec.lib import ssh
from vrabec.lib.actor import Actor
from vrabec.lib.errors import Conflict, Invalid, NotFound
from vrabec.lib.uris import parameters, transport_of
from vrabec.models.jobs import Job
from vrabec.services.permissions import require
from vrabec.services.queue import queue
from vrabec.services.record import record

KIND = "host.look"
_NOT_BY_TLS = ("no_verify", "pkipath", "no_sanity")
PLAIN = (
    "Nothing is encrypted on the way to this host, and whoever reaches its port rules it. "
    "Use qemu+ssh, but for a network of its own."
)


@dataclass(frozen=True)
class Look:
    """What a look has seen so far: "" and None where it has not come there, or could not."""

    job: Job
    uri: str
    warning: str
    host_key: str
    fingerprint: str
    found: dict[str, Any] | None


def look_at_host(actor: Actor, *, uri: str) -> Job:
    """Queue a look at what `uri` leads to; nothing is changed there. Raises Invalid, Forbidden."""
    require(actor, "host.look")
    check_uri(uri)
    job = Job(kind=KIND, subject_name=urlsplit(uri).hostname or "localhost", args={"uri": uri})
    with transaction.atomic():
        queue(actor, job)
        record(actor, "host.look", of=job, job=job, uri=uri)
    return job


def get_look(actor: Actor, *, look_id: int) -> Look:
    """The look of this id, perhaps not done yet. Raises NotFound, Forbidden."""
    require(actor, "host.look")
    job = Job.objects.filter(kind=KIND, pk=look_id).first()
    if job is None:
        raise NotFound("There is no look at a host with this id.")
    seen = job.args
    uri = seen["uri"]
    return Look(
        job, uri, warning_of(uri), seen.get("host_key", ""), seen.get("fingerprint", ""), seen.get("found")
    )


def public_key(actor: Actor) -> str:
    """The line that a host's ~/.ssh/authorized_keys needs. Raises NotFound, Forbidden."""
    require(actor, "host.look")
    return ssh.public_key(settings.VRABEC_SSH_DIR)


def warning_of(uri: str) -> str:
    """What somebody should know before using `uri`, "" for nothing."""
    return PLAIN if transport_of(uri) == "tcp" else ""


def confirmed_key(uri: str, fingerprint: str) -> str:
    """The key with this fingerprint that a look at `uri` has seen. Raises Invalid, Conflict."""
    if not fingerprint:
        raise Invalid(
            "Look at the host first, compare the fingerprint of its key with the host's own, and give it.",
            field="fingerprint",
        )
    looks = Job.objects.filter(kind=KIND, args__uri=uri, args__fingerprint=fingerprint)
    look = looks.order_by("-pk").first()
    if look is None:
        raise Conflict(
            "No look at this URI has seen a key with this fingerprint: look at the host again.",
            field="fingerprint",
        )
    return str(look.args["host_key"])


def check_uri(uri: str) -> None:
    """Raise Invalid unless libvirt may be given `uri`."""
    parts = _split(uri) if len(uri) <= 300 and uri.isprintable() and " " not in uri else None
    if parts is None or not parts.scheme or not uri.isascii():
        raise Invalid("Write a libvirt URI of at most 300 signs, such as qemu:///system.", field="uri")
    if parts.scheme.endswith("+ext") or "command" in dict(parameters(uri)):
        # libvirt would run it here, as the controller's user.
        raise Invalid("The URI may not name a command: leave out +ext and command=.", field="uri")
    if parts.scheme.endswith(("+libssh", "+libssh2")):
        raise Invalid("Write qemu+ssh: it is OpenSSH that Vrabec gives its key to.", field="uri")
    if ssh.is_ssh(uri):
        ssh.address_of(uri)
    if transport_of(uri) == "tls":
        _check_tls(uri)


def _check_tls(uri: str) -> None:
    for name, _ in parameters(uri):
        if name in _NOT_BY_TLS:
            raise Invalid(
                "Leave %(name)s out of the URI: Vrabec has its own certificates, and trusts no host without.",
                field="uri",
                name=name,
            )


def _split(uri: str) -> SplitResult | None:
    try:
        return urlsplit(uri)
    except ValueError:  # half an IPv6 address
        return None
