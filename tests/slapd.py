"""A directory as a university has one, for tests: Debian's slapd with TLS, gone afterwards."""

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.installation import free_port
from tests.lab.pki import Authority

BASE = "dc=univ,dc=example"
USERS = f"ou=people,{BASE}"
GROUPS = f"ou=groups,{BASE}"
READER = f"cn=vrabec,{BASE}"
READER_PASSWORD = "reads the directory"
PASSWORD = "a phrase of the university"
"""Of everybody in it."""
_CONFIG = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/pid
{tls}
database mdb
suffix "{base}"
directory {folder}/data
maxsize 8388608
dbnosync
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{reader}" read by users none by anonymous auth
"""
_TLS = """\
TLSCACertificateFile {folder}/tls/cacert.pem
TLSCertificateFile {folder}/tls/servercert.pem
TLSCertificateKeyFile {folder}/tls/serverkey.pem
security simple_bind=128"""
_TREE = f"""\
dn: {BASE}
objectClass: dcObject
objectClass: organization
o: University
dc: univ

dn: {USERS}
objectClass: organizationalUnit
ou: people

dn: {GROUPS}
objectClass: organizationalUnit
ou: groups

dn: {READER}
objectClass: applicationProcess
objectClass: simpleSecurityObject
cn: vrabec
userPassword: {READER_PASSWORD}
"""


def missing() -> str | None:
    """Why no directory can be started here, or None."""
    return None if Path("/usr/sbin/slapd").exists() and shutil.which("ldapmodify") else "no slapd"


class Slapd:
    """`url` is ldap:// with StartTLS, `ldaps_url` has TLS from the start; the file `ca` vouches for both."""

    def __init__(self, people: dict[str, str], groups: dict[str, list[str]], *, has_tls: bool = True) -> None:
        """`people` are full names by user name, `groups` their members' user names.

        Without TLS it knows no StartTLS, takes passwords in the clear, and has no `ldaps_url`.
        """
        self.folder = Path(tempfile.mkdtemp(prefix="vrabec-slapd-"))
        self.ca = self.folder / "tls" / "cacert.pem"
        self.port = free_port()
        self.url = f"ldap://127.0.0.1:{self.port}"
        self.ldaps_url = f"ldaps://127.0.0.1:{free_port()}" if has_tls else ""
        self._process: subprocess.Popen[bytes] | None = None
        (self.folder / "data").mkdir()
        Authority().issue(self.folder / "tls", "server")
        self._config = self.folder / "slapd.conf"
        tls = _TLS.format(folder=self.folder) if has_tls else ""
        self._config.write_text(_CONFIG.format(folder=self.folder, base=BASE, reader=READER, tls=tls))
        entries = [_person(*one) for one in people.items()] + [_group(*one) for one in groups.items()]
        load = ["slapadd", "-q", "-f", self._config]
        subprocess.run(load, input="\n".join([_TREE, *entries]), text=True, check=True, capture_output=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    @property
    def settings(self) -> dict[str, str]:
        """What Vrabec is to be told of it."""
        secret = self.folder / "password"
        secret.write_text(f"{READER_PASSWORD}\n")
        return {
            "ldap_url": self.url,
            "ldap_ca": str(self.ca),
            "ldap_bind_dn": READER,
            "ldap_bind_password_file": str(secret),
            "ldap_users": USERS,
            "ldap_groups": GROUPS,
        }

    def start(self) -> None:
        """Serve, and wait until somebody listens."""
        urls = f"{self.url} {self.ldaps_url}".strip()
        command = ["/usr/sbin/slapd", "-d", "0", "-h", urls, "-f", str(self._config)]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                assert time.monotonic() < deadline, "slapd does not listen"
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        """As if its machine went down; once more does nothing."""
        if self._process:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def hang(self) -> None:
        """It accepts connections and answers nothing."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """End a hang."""
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def offline(self, tool: str, text: str) -> None:
        """Change what is in it, while it is stopped, by `slapmodify` or `slapadd`."""
        assert self._process is None
        subprocess.run([tool, "-f", self._config], input=text, text=True, check=True, capture_output=True)


def dn_of(name: str) -> str:
    """Somebody's entry."""
    return f"uid={name},{USERS}"


def _person(name: str, full_name: str) -> str:
    lines = [f"dn: {dn_of(name)}", "objectClass: inetOrgPerson", f"uid: {name}", f"cn: {full_name}"]
    lines += [f"sn: {full_name}", f"mail: {name}@univ.example", f"userPassword: {PASSWORD}", ""]
    return "\n".join(lines)


def _group(name: str, members: list[str]) -> str:
    lines = [f"dn: cn={name},{GROUPS}", "objectClass: groupOfNames", f"cn: {name}"]
    return "\n".join([*lines, *(f"member: {dn_of(member)}" for member in members), ""])
