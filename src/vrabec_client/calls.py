"""The connection to a controller: requests, and looks that are patient."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any, Self, TypeVar

from vrabec_client.errors import Unavailable
from vrabec_client.transport import Transport, fingerprint_of, parse_address

FIRST_LOOK_SECONDS = 0.2
LAST_LOOK_SECONDS = 1.0
OUTAGE_SECONDS = 60.0
"""A wait bears a controller that restarts for this long."""
T = TypeVar("T")


class Calls:
    """A connection to a controller; `Client` says how it is made and trusted."""

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        certificate_pem: str = "",
        fingerprint: str = "",
        timeout: float = 30.0,
    ) -> None:
        if certificate_pem:
            fingerprint = fingerprint_of(ssl.PEM_cert_to_DER_cert(certificate_pem))
        self._http = Transport(parse_address(url), token=token, fingerprint=fingerprint, timeout=timeout)

    @property
    def url(self) -> str:
        """Where the controller is."""
        return self._http.address.url

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    @property
    def transport(self) -> Transport:
        """What carries the requests."""
        return self._http

    def _get(self, path: str, query: dict[str, Any] | None = None) -> Any:
        return self._http.request("GET", path, query=query)

    def _post(self, path: str, body: Any = None) -> Any:
        return self._http.request("POST", path, body=body)

    def _put(self, path: str, body: Any) -> Any:
        return self._http.request("PUT", path, body=body)

    def _patch(self, path: str, body: Any) -> Any:
        return self._http.request("PATCH", path, body=body)

    def _delete(self, path: str) -> Any:
        return self._http.request("DELETE", path)

    def _looks(self, ask: Callable[[], T], timeout: float | None) -> Iterator[T]:
        """What `ask` gives now and again, at growing distances, until `timeout` seconds have passed."""
        end = float("inf") if timeout is None else time.monotonic() + timeout
        distance = FIRST_LOOK_SECONDS
        while True:
            yield self._patiently(ask, end)
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(distance, left))
            distance = min(distance * 1.3, LAST_LOOK_SECONDS)

    def _patiently(self, ask: Callable[[], T], end: float) -> T:
        """What `ask` gives, through an outage as short as a controller's restart. Raises Unavailable."""
        end = min(end, time.monotonic() + OUTAGE_SECONDS)
        while True:
            try:
                return ask()
            except Unavailable:
                if time.monotonic() >= end:
                    raise
                time.sleep(LAST_LOOK_SECONDS)


def is_id(name: str) -> bool:
    """Whether this is an id: names that people give begin with a letter."""
    return name.isascii() and name.isdigit() and len(name) <= 18
