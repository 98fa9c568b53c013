"""What a person would find: where traffic goes, what runs where and how much of it, what is left over."""

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
    by the sandbox's books, since no port tells them; ``servers``: processes."""

    version: str
    weights: dict[str, int]
    endpoints: dict[Cloud, list[str]]
    replicas: dict[Cloud, int]
    resources: dict[Cloud, list[str]]
    servers: dict[Cloud, int]

    def differences(self, before: "Picture") -> list[str]:
        """What is otherwise than ``before``, in words; empty when nothing is."""
        return [
            f"{name}: {now} instead of {old}"
            for name in self.__dataclass_fields__
            if (now := getattr(self, name)) != (old := getattr(before, name))
        ]


def picture(at: Scene) -> Picture:
    route = at.route()
    lines = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    lines = [line for line in lines if "intermodal.serving" in line]
    books = {cloud: _books(at, cloud) for cloud in CLOUDS}
    return Picture(
        version=route.version,
        weights={str(target): weight for target, weight in sorted(route.weights.items())},
        endpoints={cloud: endpoints(at, cloud) for cloud in CLOUDS},
        replicas={cloud: _REPLICAS[cloud](books[cloud]) for cloud in CLOUDS},
        resources={cloud: sorted(f"{t} {name}" for t in _OWN[cloud] for name in books[cloud][t]) for cloud in CLOUDS},
        servers={cloud: sum(f"{at.settings.home}/sandbox/{cloud}/" in line for line in lines) for cloud in CLOUDS},
    )


def endpoints(at: Scene, cloud: Cloud) -> list[str]:
    try:
        found = at.adapters[cloud].list("sandbox", MODEL)
    except IntermodalError as error:
        return [f"unknown: {error.message}"]
    return sorted(f"{one.name} {one.version} {one.state}" for one in found)


def replicas(at: Scene, cloud: Cloud) -> int:
    return int(_REPLICAS[cloud](_books(at, cloud)))


def _books(at: Scene, cloud: Cloud) -> dict[str, Any]:
    text = (at.settings.home / "sandbox" / cloud / "state.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def _aws(books: dict[str, Any]) -> int:
    configs = [books["endpoint-config"][one["EndpointConfigName"]] for one in books["endpoint"].values()]
    return sum(variant["InitialInstanceCount"] for one in configs for variant in one["ProductionVariants"])


def _gcp(books: dict[str, Any]) -> int:
    return sum(one["service"]["template"]["scaling"]["minInstanceCount"] for one in books["services"].values())


def _azure(books: dict[str, Any]) -> int:
    return sum(one["doc"]["sku"]["capacity"] for one in books["deployments"].values())


_REPLICAS = {"aws": _aws, "gcp": _gcp, "azure": _azure}
_OWN = {"aws": ("endpoint", "endpoint-config", "model"), "gcp": ("services",), "azure": ("endpoints", "deployments")}
