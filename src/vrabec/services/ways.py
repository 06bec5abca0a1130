"""The way to a host: its URI as somebody wrote it or, by ssh, with our key and to the confirmed key alone."""

from __future__ import annotations

from django.conf import settings

from vrabec.lib import ssh
from vrabec.models.hosts import Host


def uri_of(host: Host) -> str:
    """What libvirt is given to open `host`.

    A host that older versions added by ssh has no confirmed key: there the ssh client's own files decide.
    """
    return way(host.uri, host.host_key)


def way(uri: str, host_key: str) -> str:
    """What libvirt is given to open `uri`, where `host_key` is known."""
    return ssh.pinned(uri, settings.VRABEC_SSH_DIR, host_key) if host_key else uri
