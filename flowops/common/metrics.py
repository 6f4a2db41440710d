"""Numbers for Prometheus: what a server counts, in the text that is asked for at ``/metrics``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flowops.common.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client.core import Metric as Family

#: The text format that all versions of Prometheus read (prometheus.io, "Exposition formats").
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
#: The labels of a number that has none.
NO_LABELS: tuple[str, ...] = ()


#: Numbers by the values of their labels.
Values = Mapping[tuple[str, ...], float]


class Metric(NamedTuple):
    """Some numbers of one name, by the values of their labels; a counter only ever grows, and ends with ``_total``.

    A label names an environment, a state, a run or a campaign: never a call, a person or a number.
    """

    name: str
    description: str
    labels: tuple[str, ...]
    values: Values

    @property
    def is_counter(self) -> bool:
        """Return whether it only ever grows."""
        return self.name.endswith("_total")


def gauge(name: str, description: str, value: float) -> Metric:
    """Return a number that has no labels."""
    return Metric(name, description, NO_LABELS, {NO_LABELS: value})


def info(name: str, description: str, labels: Mapping[str, str]) -> Metric:
    """Return a number that is always 1, for what its labels say."""
    return Metric(name, description, tuple(labels), {tuple(labels.values()): 1.0})


def exposition(metrics: Iterable[Metric]) -> str:
    """Return numbers as Prometheus reads them, with those of the process (CPU, memory, open files).

    Raises ImportError where its library is not installed.
    """
    from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

    class _Collected:
        def collect(self) -> Iterator[Family]:
            return map(_family, metrics)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected())
    ProcessCollector(registry=registry)
    return generate_latest(registry).decode()


def _family(metric: Metric) -> Family:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    kind = CounterMetricFamily if metric.is_counter else GaugeMetricFamily
    family = kind(metric.name, metric.description, labels=metric.labels)
    for labels, value in metric.values.items():
        family.add_metric(labels, value)
    return family
