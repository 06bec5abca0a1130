"""nginx and Apache on loopback, configured as docs/howto/behind-a-proxy.md tells people to."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs/howto/behind-a-proxy.md"
NAME = "vrabec.example.org"
_NGINX = """\
daemon off;
user root;
pid {root}/pid;
error_log {root}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {root}/body;
    proxy_temp_path {root}/proxy;
    fastcgi_temp_path {root}/fastcgi;
    uwsgi_temp_path {root}/uwsgi;
    scgi_temp_path {root}/scgi;
{site}
}}
"""
_APACHE = """\
{modules}
ServerRoot {root}
ServerName localhost
PidFile {root}/pid
ErrorLog {root}/error.log
Listen {port}
{site}
"""
_MODULES = (
    "mpm_event",
    "authz_core",
    "authz_user",
    "authn_core",
    "authn_file",
    "auth_basic",
    "headers",
    "socache_shmcb",
    "ssl",
    "proxy",
    "proxy_http",
    "proxy_wstunnel",
)


def guide(language: str) -> str:
    """The guide's block in this language."""
    found = re.search(rf"```{language}\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert found, f"the guide has no {language}"
    return found[1]


def site(language: str, *, port: int, upstream: int, certificates: Path, certificate: Path) -> str:
    """The guide's configuration with this test's ports and files."""
    changes = {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "*:443": f"127.0.0.1:{port}",
        "127.0.0.1:8443": f"127.0.0.1:{upstream}",
        f"/etc/ssl/{NAME}.pem": f"{certificates}/certificate.pem",
        f"/etc/ssl/private/{NAME}.key": f"{certificates}/key.pem",
        "/etc/ssl/vrabec-upstream.pem": str(certificate),
    }
    text = guide(language)
    for old, new in changes.items():
        text = text.replace(old, new)
    assert "/etc/" not in text
    return text


@contextmanager
def running(kind: str, root: Path, text: str, port: int) -> Iterator[None]:
    """The proxy `kind`, which ends with this test however that ends."""
    root.mkdir()
    file = root / "conf"
    if kind == "nginx":
        file.write_text(_NGINX.format(root=root, site=text))
        command = ["nginx", "-c", str(file), "-e", f"{root}/error.log"]
    else:
        modules = "\n".join(f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so" for m in _MODULES)
        file.write_text(_APACHE.format(root=root, site=text, modules=modules, port=f"127.0.0.1:{port}"))
        command = ["apache2", "-f", str(file), "-D", "FOREGROUND"]
    with (root / "out").open("wb") as out:
        process = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *command], stdout=out, stderr=out)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)
