"""The rules that `make check` holds the rendered manifests to, each with a planted violation."""

import copy
from typing import Any

import pytest

from devstack.manifests import FOLDER, problems, render


@pytest.fixture(scope="module")
def base() -> list[dict[str, Any]]:
    return render(FOLDER / "base")


@pytest.fixture
def deployment(base: list[dict[str, Any]]) -> dict[str, Any]:
    found = [resource for resource in base if resource["metadata"]["name"] == "publish-svc-worker"]
    return copy.deepcopy(next(resource for resource in found if resource["kind"] == "Deployment"))


def container(resource: dict[str, Any]) -> dict[str, Any]:
    return resource["spec"]["template"]["spec"]["containers"][0]


def test_the_base_keeps_every_rule(base: list[dict[str, Any]]) -> None:
    assert [problem for resource in base for problem in problems(resource)] == []


def test_every_service_has_its_processes_an_address_an_account_and_a_migration(base: list[dict[str, Any]]) -> None:
    names = {(resource["kind"], resource["metadata"]["name"]) for resource in base}
    for service in ("connection-svc", "sync-svc", "list-svc", "publish-svc", "notifier-svc", "web-svc"):
        wanted = {("Deployment", f"{service}-api"), ("Job", f"{service}-migrate")}
        assert names >= {*wanted, ("Service", service), ("ServiceAccount", service)}
        assert (("Deployment", f"{service}-worker") in names) == (service != "web-svc")


def test_an_unknown_field_is_told(deployment: dict[str, Any]) -> None:
    container(deployment)["readynessProbe"] = {}

    assert any("readynessProbe" in problem for problem in problems(deployment))


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("securityContext", "may gain privileges"),
        ("resources", "must request CPU and memory"),
        ("readinessProbe", "does not say when it is ready"),
        ("livenessProbe", "has no livenessProbe"),
    ],
)
def test_a_container_that_lacks_what_every_one_needs_is_told(deployment: dict[str, Any], field: str, told: str) -> None:
    del container(deployment)[field]

    assert any(told in problem for problem in problems(deployment))


def test_a_pod_that_may_run_as_root_is_told(deployment: dict[str, Any]) -> None:
    deployment["spec"]["template"]["spec"]["securityContext"]["runAsUser"] = 0

    assert any("not root" in problem for problem in problems(deployment))


def test_a_namespace_without_pod_security_is_told(base: list[dict[str, Any]]) -> None:
    namespace = copy.deepcopy(next(resource for resource in base if resource["kind"] == "Namespace"))
    del namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]

    assert any("does not enforce" in problem for problem in problems(namespace))
