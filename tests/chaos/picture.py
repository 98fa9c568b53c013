"""The state that a person would find: weights, endpoints, replicas, leftover resources and server processes."""

import json
from dataclasses import dataclass
from typing import Any

import psutil

from intermodal.platform.errors import IntermodalError
from intermodal.platform.targets import Cloud
from tests.chaos.scene import MODEL, Scene
from tests.targets import CLOUDS


@dataclass(frozen=True)
class Picture:
    """``endpoints``: cloud → name, version and state of each, by the cloud's own port; ``replicas`` and ``resources``
    by the sandbox's books, since no port has them; ``servers``: processes."""

    version: str
    weights: dict[str, int]
    endpoints: dict[Cloud, list[str]]
    replicas: dict[Cloud, int]
    resources: dict[Cloud, list[str]]
    servers: dict[Cloud, int]

    def differences(self, before: "Picture") -> list[str]:
        """Each difference from ``before``, in words."""
        return [
            f"{name}: {now} instead of {old}"
            for name in self.__dataclass_fields__
            if (now := getattr(self, name)) != (old := getattr(before, name))
        ]


def picture(scene: Scene) -> Picture:
    route = scene.route()
    lines = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    lines = [line for line in lines if "intermodal.serving" in line]
    books = {cloud: _books(scene, cloud) for cloud in CLOUDS}
    return Picture(
        version=route.version,
        weights={str(target): weight for target, weight in sorted(route.weights.items())},
        endpoints={cloud: endpoints(scene, cloud) for cloud in CLOUDS},
        replicas={cloud: _REPLICAS[cloud](books[cloud]) for cloud in CLOUDS},
        resources={cloud: sorted(f"{t} {name}" for t in _OWN[cloud] for name in books[cloud][t]) for cloud in CLOUDS},
        servers={cloud: sum(f"{scene.settings.home}/sandbox/{cloud}/" in line for line in lines) for cloud in CLOUDS},
    )


def endpoints(scene: Scene, cloud: Cloud) -> list[str]:
    try:
        found = scene.adapters[cloud].list("sandbox", MODEL)
    except IntermodalError as error:
        return [f"unknown: {error.message}"]
    return sorted(f"{endpoint.name} {endpoint.version} {endpoint.state}" for endpoint in found)


def replicas(scene: Scene, cloud: Cloud) -> int:
    return int(_REPLICAS[cloud](_books(scene, cloud)))


def _books(scene: Scene, cloud: Cloud) -> dict[str, Any]:
    text = (scene.settings.home / "sandbox" / cloud / "state.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def _aws(books: dict[str, Any]) -> int:
    configs = [books["endpoint-config"][endpoint["EndpointConfigName"]] for endpoint in books["endpoint"].values()]
    return sum(variant["InitialInstanceCount"] for config in configs for variant in config["ProductionVariants"])


def _gcp(books: dict[str, Any]) -> int:
    return sum(service["service"]["template"]["scaling"]["minInstanceCount"] for service in books["services"].values())


def _azure(books: dict[str, Any]) -> int:
    return sum(deployment["doc"]["sku"]["capacity"] for deployment in books["deployments"].values())


_REPLICAS = {"aws": _aws, "gcp": _gcp, "azure": _azure}
_OWN = {"aws": ("endpoint", "endpoint-config", "model"), "gcp": ("services",), "azure": ("endpoints", "deployments")}
