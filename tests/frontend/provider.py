"""An OpenID Connect provider on loopback: who it knows, and what it says of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests
from oidc_provider_mock import User, run_server_in_thread

PATIENCE_S = 30
PEOPLE = (
    User(
        sub="4711",
        claims={"preferred_username": "J.Novak", "name": "Jan Novák", "email": "jan@univ.example"}
        | {"groups": ["botany-students", "everybody"]},
    ),
    User(sub="4712", claims={"preferred_username": "ada", "name": "Another Ada"}),
    User(sub="4713", claims={"preferred_username": "Čeněk Nový"}),
)


@dataclass
class Provider:
    """Where it is."""

    url: str

    def say(self, sub: str, **claims: Any) -> None:
        """From now on it says this of somebody."""
        requests.put(f"{self.url}/users/{sub}", json=claims, timeout=PATIENCE_S).raise_for_status()

    def agree(self, asked: str, sub: str) -> str:
        """What a browser does there: signs in as `sub`; gives the address that it is sent back to."""
        url = urljoin(self.url, asked)
        answer = requests.post(url, data={"sub": sub}, allow_redirects=False, timeout=PATIENCE_S)
        assert answer.status_code in (302, 303), answer.text
        return answer.headers["Location"]

    def deny(self, asked: str) -> str:
        """They say no there."""
        answer = requests.post(asked, data={"action": "deny"}, allow_redirects=False, timeout=PATIENCE_S)
        return answer.headers["Location"]


@contextmanager
def running() -> Iterator[Provider]:
    """The provider."""
    with run_server_in_thread(user_claims=PEOPLE, require_nonce=True) as server:
        yield Provider(f"http://localhost:{server.server_port}")


def told_of(settings: Any, url: str, folder: Path) -> None:
    """Vrabec is told of it; `folder` is for the secret."""
    secret = folder / "secret"
    secret.write_text("of a client that the provider knows\n")
    settings.VRABEC_CONFIG = replace(
        settings.VRABEC_CONFIG,
        oidc_issuer=url,
        oidc_client_id="vrabec",
        oidc_client_secret_file=str(secret),
        oidc_label="Univ account",
    )
