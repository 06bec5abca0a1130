"""Somebody with plain HTTP and cookies, as far as a browser's forms go; no Vrabec code in between."""

import json
import re
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What came back, after redirects."""

    status: int
    url: str
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    def json(self) -> Any:
        """The body's JSON."""
        return json.loads(self.body)


class Visitor:
    """One person's cookies at one controller, whose certificate alone is trusted."""

    def __init__(self, url: str, certificate: Path) -> None:
        self.url = url
        trust = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=certificate))
        self._jar = CookieJar()
        self._opener = urllib.request.build_opener(trust, urllib.request.HTTPCookieProcessor(self._jar))

    @property
    def cookies(self) -> str:
        """As a browser sends them."""
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._jar)

    def get(self, path: str) -> Answer:
        """Open a page; `path` may be a whole URL."""
        return self.send("GET", path)

    def post(self, path: str, **fields: str) -> Answer:
        """Send the form that GET of the same path shows, with its CSRF token."""
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.get(path).text)
        assert token, f"{path} shows no form"
        body = urllib.parse.urlencode({"csrfmiddlewaretoken": token[1], **fields}).encode()
        return self.send("POST", path, body)

    def send(
        self, method: str, path: str, body: bytes | Iterator[bytes] | None = None, **headers: str
    ) -> Answer:
        """Send a request; an error's answer is an answer, too."""
        address = urllib.parse.urljoin(self.url, path)
        assert address.startswith("https://")
        request = urllib.request.Request(address, body, {"Referer": address, **headers}, method=method)  # noqa: S310
        try:
            answer = self._opener.open(request, timeout=60)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return Answer(answer.status, answer.url, dict(answer.headers), answer.read())

    def sign_in(self, username: str, password: str) -> None:
        """Sign in by the form."""
        answer = self.post("/sign-in", username=username, password=password)
        assert answer.url in (f"{self.url}/", f"{self.url}/mine"), answer.url

    def set_first_password(self, link: str, password: str) -> Answer:
        """Sign in by a link and set the password that it asks for."""
        asked = self.post(link)
        assert asked.url.endswith("/account/password"), asked.url
        return self.post(asked.url, password=password, again=password)
