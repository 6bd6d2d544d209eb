"""Renders the Kubernetes manifests and checks them: each fits its schema, and each pod keeps the house's rules.

`python -m devstack.manifests`, part of `make check`. Needs no cluster: kubectl renders, kubernetes-validate brings the
schemas.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import kubernetes_validate
import yaml

from devstack.containers import write_environments
from devstack.home import CHECKOUT

KUBERNETES: Final = "1.34"
FOLDER: Final = CHECKOUT / "deploy" / "k8s"
KUSTOMIZATIONS: Final = ("base", "overlays/local", "overlays/local/infrastructure")
OURS: Final = ("relink", "relink-practice")

Resource = dict[str, Any]


def render(folder: Path) -> list[Resource]:
    """Every resource of a Kustomization, as it would be applied."""
    command = [str(Path(sys.executable).parent / "kubectl"), "kustomize", str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the command is ours
    if result.returncode != 0:
        raise SystemExit(f"{folder} does not render: {result.stderr.strip()}")
    return [resource for resource in yaml.safe_load_all(result.stdout) if resource is not None]


def problems(resource: Resource) -> Iterator[str]:
    """One sentence for each thing that is wrong with the resource."""
    name = f"{resource['kind']} {resource['metadata']['name']}"
    try:
        kubernetes_validate.validate(resource, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        yield f"{name} does not fit its schema: {error.message}"
    for problem in (*_namespace_problems(resource), *_workload_problems(resource)):
        yield f"{name} {problem}"


def _namespace_problems(resource: Resource) -> Iterator[str]:
    if resource["kind"] == "Namespace":
        for mode in ("enforce", "audit", "warn"):
            if resource["metadata"].get("labels", {}).get(f"pod-security.kubernetes.io/{mode}") != "restricted":
                yield f"does not {mode} restricted pod security"


def _workload_problems(resource: Resource) -> Iterator[str]:
    if resource["kind"] not in ("Deployment", "Job"):
        return
    pod = resource["spec"]["template"]["spec"]
    security = pod.get("securityContext", {})
    if security.get("runAsNonRoot") is not True or not security.get("runAsUser"):
        yield "does not run as a numbered user that is not root"
    if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "has no seccomp profile"
    if pod.get("automountServiceAccountToken") is not False:
        yield "is given a token of the cluster that it does not need"
    for container in pod["containers"]:
        yield from _container_problems(container, is_server=resource["kind"] == "Deployment")


def _container_problems(container: Resource, *, is_server: bool) -> Iterator[str]:
    security, resources = container.get("securityContext", {}), container.get("resources", {})
    is_ours = container["image"].partition(":")[0] in OURS
    if security.get("allowPrivilegeEscalation") is not False or security.get("capabilities") != {"drop": ["ALL"]}:
        yield "may gain privileges"
    if is_ours and security.get("readOnlyRootFilesystem") is not True:
        yield "may write to its image"
    if set(resources.get("requests", {})) != {"cpu", "memory"} or set(resources.get("limits", {})) != {"memory"}:
        yield "must request CPU and memory and limit memory alone"
    if is_server and "readinessProbe" not in container:
        yield "does not say when it is ready"
    if is_server and container["image"].partition(":")[0] == "relink":
        for probe in ("startupProbe", "livenessProbe"):
            if container.get(probe, {}).get("httpGet", {}).get("path") != "/health/live":
                yield f"has no {probe} that asks only whether it lives"


def main() -> None:
    write_environments("kubernetes")  # the local overlay is rendered with secrets of this checkout
    found = [problem for name in KUSTOMIZATIONS for resource in render(FOLDER / name) for problem in problems(resource)]
    for problem in found:
        sys.stderr.write(f"{problem}\n")
    raise SystemExit(1 if found else 0)


if __name__ == "__main__":
    main()
