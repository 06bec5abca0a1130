"""Turns every libvirtError into one of ours, with a sentence that a person can act on.

The first rule that fits wins. libvirt has one code for many causes, so most rules look at the words; a host
whose libvirtd speaks another language than English falls back to the rules by code alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import libvirt

from vrabec.lib.errors import Conflict, HostError, NoCapacity, NotFound, Unavailable, VrabecError, WrongState


class FileMissing(HostError):
    """A file that a volume or a machine needs is not on the host: its backing file, disk or seed."""


@dataclass(frozen=True)
class Rule:
    """Fits an error that has one of `codes` (empty: any) and, where given, `words` in its message."""

    make: Callable[..., VrabecError]
    template: str
    codes: tuple[int, ...] = ()
    words: re.Pattern[str] | None = None

    def apply(self, code: int, message: str) -> VrabecError | None:
        """Our error, or None where the rule does not fit; named groups of `words` become parameters."""
        if self.codes and code not in self.codes:
            return None
        found = self.words.search(message) if self.words else None
        if self.words and not found:
            return None
        named = found.groupdict() if found else {}
        return self.make(
            self.template, raw="", **{key: (value or "").strip() for key, value in named.items()}
        )


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)


_QEMU_ENDED = r"(process exited while connecting to monitor|unexpectedly closed the monitor)"

RULES = (
    # Room.
    Rule(
        NoCapacity,
        "The host's disk is full. Delete what is no longer needed there, or give the pool more room.",
        words=_words(r"no space left|disk quota exceeded|not enough (free )?space|file too large"),
    ),
    Rule(
        NoCapacity,
        "The host has not enough free memory to run the machine.",
        words=_words(r"cannot allocate memory|cannot set up guest memory|out of memory"),
    ),
    Rule(
        NoCapacity,
        "The host has not enough free memory to run the machine.",
        codes=(libvirt.VIR_ERR_NO_MEMORY,),
    ),
    # The way there by ssh: ssh's own words come before libvirt's, which only says that the line ended.
    Rule(
        Unavailable,
        "The host's SSH key is not the confirmed one: it was installed anew, or somebody is in between. "
        "Find out which, then confirm the new key (vrabec host confirm NAME).",
        words=_words(r"host identification has changed|host key verification failed"),
    ),
    Rule(
        Unavailable,
        "The host does not let Vrabec in by SSH: add Vrabec's public key (vrabec host key) to "
        "~/.ssh/authorized_keys of the URI's user there.",
        words=_words(r"permission denied \("),
    ),
    Rule(
        Unavailable,
        "The host's name has no address: write a name that the DNS knows, or an address.",
        words=_words(r"could not resolve"),
    ),
    Rule(
        Unavailable,
        "SSH does not reach the host: %(words)s",
        words=_words(r"ssh: connect to host (?P<words>[^\n]*)"),
    ),
    Rule(
        Unavailable,
        "Neither virt-ssh-helper nor nc is on the host: install netcat-openbsd there.",
        words=_words(r"(nc|netcat): (command )?not found"),
    ),
    # The way there by TLS: GnuTLS's words.
    Rule(
        Unavailable,
        "Vrabec has no certificates to sign in with by TLS: put cacert.pem, clientcert.pem and clientkey.pem "
        "into %(folder)s.",
        words=_words(r"cannot read [^\n']* '(?P<folder>/[^'\n]*)/(cacert|clientcert|clientkey)\.pem'"),
    ),
    Rule(
        Unavailable,
        "The host's certificate is not good: another CA than Vrabec's cacert.pem signed it, it is for "
        "another name than the URI's, or its time is over.",
        words=_words(r"failed to verify peer's certificate"),
    ),
    Rule(
        Unavailable,
        "Vrabec's own certificate is not good: %(words)s",
        words=_words(r"our own certificate [^\n]*?failed validation[^\n]*?: (?P<words>[^\n]*)"),
    ),
    # Moving to another host.
    Rule(
        HostError,
        "The host it comes from does not reach %(where)s: %(words)s. Between hosts TCP ports 49152 to 49215 "
        "must be open, and the target's name must have an address there.",
        words=_words(
            r"(connect to server at|get port for|resolve) '(?P<where>[^']+:49\d{3})': (?P<words>[^\n]+)"
        ),
    ),
    Rule(
        HostError,
        "It cannot be switched over early: the kernel there does not let QEMU fetch memory later. Set the "
        "sysctl vm.unprivileged_userfaultfd to 1 on both hosts, or choose another way.",
        words=_words(r"postcopy(-ram)? is not supported"),
    ),
    Rule(
        HostError,
        "Its disks must lie on storage that both hosts share, such as NFS or GlusterFS: %(words)s.",
        (libvirt.VIR_ERR_MIGRATE_UNSAFE,),
        _words(r"unsafe migration: (?P<words>.*)"),
    ),
    # The connection. Before the codes: a lost connection may hide behind any of them.
    Rule(
        Unavailable,
        "Vrabec may not use the host's libvirt: add its user to the group libvirt on the host, "
        "then start Vrabec again.",
        words=_words(r"(connect socket|authentication|polkit).*(denied|unavailable|failed|cancel)"),
    ),
    Rule(
        Unavailable,
        "Vrabec may not use the host's libvirt: add its user to the group libvirt on the host, "
        "then start Vrabec again.",
        codes=(
            libvirt.VIR_ERR_AUTH_FAILED,
            libvirt.VIR_ERR_AUTH_CANCELLED,
            libvirt.VIR_ERR_AUTH_UNAVAILABLE,
        ),
    ),
    Rule(
        Unavailable,
        "libvirt does not run on the host: nothing listens on its socket. Start libvirtd there.",
        words=_words(r"connect socket.*(refused|no such file)|unable to connect to server"),
    ),
    Rule(
        Unavailable,
        "The connection to the host broke off. Vrabec connects again by itself.",
        words=_words(
            r"socket is closed|keepalive|end of file while reading|connection reset|broken pipe"
            r"|cannot (recv|read|write) data:|connection (is|was) (closed|not open)"
        ),
    ),
    Rule(
        Unavailable,
        "The connection to the host broke off. Vrabec connects again by itself.",
        codes=(
            libvirt.VIR_ERR_RPC,
            libvirt.VIR_ERR_INVALID_CONN,
            libvirt.VIR_ERR_NO_CONNECT,
            libvirt.VIR_ERR_GNUTLS_ERROR,
        ),
    ),
    Rule(
        Unavailable,
        "The host is busy with another operation on the same machine. Try again in a minute.",
        codes=(libvirt.VIR_ERR_OPERATION_TIMEOUT, libvirt.VIR_ERR_RESOURCE_BUSY),
    ),
    Rule(
        Unavailable,
        "The agent inside the machine does not answer.",
        codes=(
            libvirt.VIR_ERR_AGENT_UNRESPONSIVE,
            libvirt.VIR_ERR_AGENT_UNSYNCED,
            getattr(libvirt, "VIR_ERR_AGENT_COMMAND_TIMEOUT", -1),
        ),
    ),
    # Files.
    Rule(
        FileMissing,
        "A file is missing on the host: %(path)s",
        words=_words(r"inaccessible backing store volume '?(?P<path>/[^'\n]*?)'?(:|$)"),
    ),
    Rule(
        FileMissing,
        "A file is missing on the host: %(path)s",
        words=_words(
            r"(could not open|cannot access (storage|backing) file|failed to stat|cannot (stat|open)"
            r"|unable to (open|stat))[^/\n]*(?P<path>/[^'\"\n:]+)[^\n]*no such file"
        ),
    ),
    Rule(
        HostError,
        "The host's QEMU may not read a file: %(path)s. Its owner or the security policy forbids it.",
        words=_words(r"['\"](?P<path>/[^'\"\n]+)['\"][^\n]*permission denied"),
    ),
    # Names.
    Rule(
        Conflict,
        "A machine with this name or UUID is on the host already.",
        words=_words(r"domain .*already (exists|defined)|already defined with uuid"),
    ),
    Rule(Conflict, "A machine with this name or UUID is on the host already.", (libvirt.VIR_ERR_DOM_EXIST,)),
    Rule(
        Conflict,
        "A volume with this name is in the host's pool already.",
        words=_words(r"storage vol\w* .*already exists|volume target path .* already exists"),
    ),
    Rule(
        Conflict,
        "A volume with this name is in the host's pool already.",
        (libvirt.VIR_ERR_STORAGE_VOL_EXIST,),
    ),
    Rule(
        Conflict,
        "A storage pool with this name or place is on the host already.",
        words=_words(r"pool .*already (exists|defined|in use)|storage source conflict"),
    ),
    Rule(
        Conflict,
        "Somebody has the serial console open.",
        words=_words(r"active console session exists"),
    ),
    # What is not there.
    Rule(NotFound, "The machine is not on the host.", (libvirt.VIR_ERR_NO_DOMAIN,)),
    Rule(NotFound, "The storage pool is not on the host.", (libvirt.VIR_ERR_NO_STORAGE_POOL,)),
    Rule(NotFound, "The volume is not in the host's pool.", (libvirt.VIR_ERR_NO_STORAGE_VOL,)),
    Rule(
        HostError,
        "The network %(network)s is not on the host: make it there, or choose another.",
        words=_words(r"network not found: [^\n]*'(?P<network>[^']+)'"),
    ),
    Rule(HostError, "The network is not on the host.", (libvirt.VIR_ERR_NO_NETWORK,)),
    Rule(
        HostError,
        "The network %(network)s is not active on the host: start it there (virsh net-start %(network)s).",
        words=_words(r"network '(?P<network>[^']+)' is not active"),
    ),
    Rule(
        HostError,
        "The bridge or network interface %(bridge)s is not on the host.",
        words=_words(r"cannot get interface mtu on '(?P<bridge>[^']+)'"),
    ),
    Rule(
        HostError,
        "The storage pool is not active on the host: start it there (virsh pool-start).",
        words=_words(r"storage pool .*is not active"),
    ),
    Rule(
        HostError,
        "The host has no UEFI firmware: install the package ovmf there, or choose BIOS.",
        words=_words(r"unable to find any firmware to satisfy|unable to find .*efi.* firmware"),
    ),
    # State, and the rest.
    Rule(
        HostError,
        "The host cannot end the machine's process: it waits for a disk or network that does not answer.",
        words=_words(r"failed to terminate process \d+ with sigkill"),
    ),
    Rule(
        HostError,
        "KVM does not work on the host: %(words)s",
        words=_words(
            r"(?P<words>could not access kvm[^\n]*|failed to initialize kvm[^\n]*|kvm is not available[^\n]*)"
        ),
    ),
    Rule(
        HostError,
        "QEMU ended while the machine started: %(words)s",
        words=_words(_QEMU_ENDED + r".*qemu-system-\w+: (-\w+ \{[^\n]*\}: )?(?P<words>[^\n]+)"),
    ),
    Rule(
        HostError,
        "QEMU ended while the machine started, without saying why. See /var/log/libvirt on the host.",
        words=_words(_QEMU_ENDED),
    ),
    Rule(
        HostError,
        "The host's libvirt does not accept the definition: %(words)s",
        (libvirt.VIR_ERR_XML_ERROR, libvirt.VIR_ERR_XML_DETAIL, libvirt.VIR_ERR_CONFIG_UNSUPPORTED),
        _words(r"(?P<words>.*)"),
    ),
    Rule(
        HostError,
        "The host's libvirt does not accept the name: %(words)s",
        words=_words(r"(?P<words>[^\n]*name '.*' cannot contain[^\n]*)"),
    ),
    Rule(
        HostError,
        "The host's libvirt cannot do this: %(words)s",
        (
            libvirt.VIR_ERR_NO_SUPPORT,
            libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
            libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
        ),
        _words(r"(?P<words>.*)"),
    ),
    Rule(
        WrongState,
        "The host refuses in the present state: %(words)s",
        (libvirt.VIR_ERR_OPERATION_INVALID,),
        _words(r"(?P<words>.*)"),
    ),
    Rule(HostError, "The host answered with an error: %(words)s", (), _words(r"(?P<words>.*)")),
)


@contextmanager
def translated() -> Iterator[None]:
    """Let no libvirtError out: what is raised inside becomes one of ours, chained. Also a decorator."""
    try:
        yield
    except libvirt.libvirtError as error:
        raise translate(error) from error


def translate(error: libvirt.libvirtError) -> VrabecError:
    """Our error for libvirt's; `raw` is libvirt's own sentence, unchanged."""
    message = error.get_error_message() or str(error)
    ours = next(filter(None, (rule.apply(code_of(error), message) for rule in RULES)))
    ours.raw = str(error)
    return ours


def code_of(error: libvirt.libvirtError) -> int:
    """The error's code (VIR_ERR_*); 0 when the binding raised it by itself."""
    return int(error.get_error_code() or 0)


def has_code(error: libvirt.libvirtError, *codes: int) -> bool:
    """Whether the error is one of these."""
    return code_of(error) in codes
