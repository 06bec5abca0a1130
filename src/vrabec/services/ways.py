"""The way to a host: its URI as somebody wrote it and, where it needs them, our key or certificates."""

from __future__ import annotations

from django.conf import settings

from vrabec.lib import ssh
from vrabec.lib.uris import certified, transport_of
from vrabec.models.hosts import Host


def uri_of(host: Host) -> str:
    """What libvirt is given to open `host`.

    A host that older versions added by ssh has no confirmed key: there the ssh client's own files decide.
    """
    return way(host.uri, host.host_key)


def way(uri: str, host_key: str) -> str:
    """What libvirt is given to open `uri`, where `host_key` is known."""
    if host_key:
        return ssh.pinned(uri, settings.VRABEC_SSH_DIR, host_key)
    return certified(uri, settings.VRABEC_PKI_DIR) if transport_of(uri) == "tls" else uri
