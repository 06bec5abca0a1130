"""/healthz and /metrics, at the paths where load balancers and Prometheus look for them; plain text."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from vrabec.frontends.rest.access import action, address_of
from vrabec.lib.actor import Actor
from vrabec.lib.errors import Unauthenticated, VrabecError
from vrabec.services.health import faults
from vrabec.services.metrics import Metric, read_metrics, reader_at
from vrabec.services.tokens import actor_of_token

TEXT = "text/plain; charset=utf-8"


@action("health.view")
def healthz(request: HttpRequest) -> HttpResponse:
    """200 "ok" when pages, database and engine work; else 503 with one line a fault."""
    found = faults()
    text = "".join(f"{fault}\n" for fault in found) or "ok\n"
    return HttpResponse(text, status=503 if found else 200, content_type=TEXT)


@action("metrics.view")
def metrics(request: HttpRequest) -> HttpResponse:
    """The figures in Prometheus's text format, for administrators' tokens and addresses in metrics_from."""
    try:
        text = expose(read_metrics(_reader(request)))
    except VrabecError as error:
        return HttpResponse(f"{error}\n", status=error.status, content_type=TEXT)
    return HttpResponse(text, content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _reader(request: HttpRequest) -> Actor:
    """Who asks. Raises Unauthenticated."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return actor_of_token(secret.strip(), address_of(request))
    # Only for who calls directly: a proxy would lend its own address to everybody behind it.
    if (found := reader_at(address_of(request))) and "X-Forwarded-For" not in request.headers:
        return found
    raise Unauthenticated("Send an administrator's token, or name your address in the setting metrics_from.")


class _Figures(Collector):
    """A collector, as prometheus-client calls it, of figures already read."""

    def __init__(self, figures: list[Metric]) -> None:
        self._figures = figures

    def collect(self) -> list[GaugeMetricFamily]:
        """Each figure as a gauge."""
        return [_gauge(figure) for figure in self._figures]


def _gauge(figure: Metric) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(f"vrabec_{figure.name}", figure.help, labels=figure.labels)
    for labels, value in figure.values:
        gauge.add_metric(labels, value)
    return gauge


def expose(figures: list[Metric]) -> bytes:
    """The figures in Prometheus's text format 0.0.4."""
    registry = CollectorRegistry()
    registry.register(_Figures(figures))
    return generate_latest(registry)


urlpatterns = [path("healthz", healthz, name="healthz"), path("metrics", metrics, name="metrics")]
