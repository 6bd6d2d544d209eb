"""Metrics that dashboards and alerts are built on, by name; and none that grows with the customers."""

import pytest
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

from connection_svc import metrics

OURS = {metric._name: metric._labelnames for metric in vars(metrics).values() if isinstance(metric, MetricWrapperBase)}
PROMISED = {
    "connections": ("state", "provider"),
    "connections_expiring": ("days",),
    "reconnect_attempts": ("provider", "result"),
    "reconnect_duration_seconds": ("provider", "outcome"),
}
BOUNDED = {"provider", "state", "days", "reason", "detected_by", "result", "outcome", "stage", "table", "class"}
"""Labels with a handful of values each, whatever the number of customers."""


@pytest.mark.parametrize(("name", "labels"), PROMISED.items())
def test_what_dashboards_show_is_measured(name: str, labels: tuple[str, ...]) -> None:
    assert OURS[name] == labels
    assert name in {metric.name for metric in REGISTRY.collect()}


def test_no_label_has_more_values_than_there_are_kinds() -> None:
    assert {label for labels in OURS.values() for label in labels} <= BOUNDED
