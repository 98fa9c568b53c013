"""Models whose names are nearly equal, deployed at the same time on every emulated cloud.

Each must answer with its own predictions, and withdrawing a model must leave its neighbour as it is. A pair differs in
what a name on a cloud cannot have, or beyond what it has room for. ``python -m tests.near_names 50`` tries so many.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from intermodal.platform.ports import EndpointTarget, ObjectStore
from intermodal.platform.ports.endpoints import DeployRequest
from intermodal.platform.protocol import v2
from intermodal.platform.protocol.package import GOLDEN, Golden
from intermodal.platform.protocol.parity import holds
from tests import tiny_package

LONGEST = 48
AT_ONCE = 6
KINDS: Sequence[Callable[[int], tuple[str, str]]] = (
    lambda n: (f"a{n}_b", f"a{n}__b"),
    lambda n: (f"c{n}", f"c{n}_"),
    lambda n: (f"d{n}_1", f"d{n}1"),
    lambda n: (f"e{n}_".ljust(LONGEST, "x"), f"e{n}_".ljust(LONGEST - 1, "x") + "y"),
    lambda n: (f"f{n}_".ljust(33, "x"), f"f{n}_".ljust(34, "x")),
    lambda n: (f"g{n}_1_0", f"g{n}_1"),
)
"""Each makes a pair of valid model names of a number."""


def pairs(count: int) -> list[tuple[str, str]]:
    return [KINDS[n % len(KINDS)](n) for n in range(count)]


@dataclass(frozen=True)
class Platform:
    """A target with what a deployment on it needs."""

    target: EndpointTarget
    store: ObjectStore
    image: str


class NearNames:
    """The models of ``pairs`` on ``platforms``; each has a package of its own, below ``folder``."""

    def __init__(self, platforms: Iterable[Platform], pairs: Sequence[tuple[str, str]], folder: Path) -> None:
        self.platforms, self.pairs, self.folder = list(platforms), pairs, folder
        self.models = [model for pair in pairs for model in pair]
        for seed, model in enumerate(self.models):
            tiny_package.build(folder / model, seed=seed, name=model)

    def deploy(self) -> None:
        self._everywhere(self._deploy, self.models)

    def answering_for_others(self) -> list[str]:
        """``<model> on <target>`` of each endpoint that does not answer with its own model's predictions."""
        return self._everywhere(self._wrong_answer, self.models)

    def withdraw_first_of_each(self) -> list[str]:
        """Withdraw one model of each pair; the endpoints that are there and should not be, and the reverse."""
        gone = [first for first, _ in self.pairs]
        self._everywhere(self._delete, gone)
        return self._everywhere(lambda each, model: self._misplaced(each, model, model in gone), self.models)

    def _everywhere(self, act: Callable[[Platform, str], str], models: Sequence[str]) -> list[str]:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            done = [pool.submit(act, platform, model) for model in models for platform in self.platforms]
            return [text for future in done if (text := future.result())]

    def _request(self, platform: Platform, model: str) -> DeployRequest:
        artifacts = platform.store.uri(f"near/{model}/1.0.0")
        return DeployRequest(model, "1.0.0", "near", "team:tests", platform.image, artifacts)

    def _deploy(self, platform: Platform, model: str) -> str:
        for path in (self.folder / model).iterdir():
            platform.store.put(f"near/{model}/1.0.0/{path.name}", path.read_bytes())
        platform.target.deploy(self._request(platform, model))
        return ""

    def _wrong_answer(self, platform: Platform, model: str) -> str:
        golden = Golden.from_json((self.folder / model / GOLDEN).read_bytes())
        body = v2.golden_body(tiny_package.SIGNATURE, golden.rows)
        answer = platform.target.invoke(self._request(platform, model).name, body)
        return "" if holds(golden.predictions, v2.predictions(answer)) else f"{model} on {platform.target.target}"

    def _delete(self, platform: Platform, model: str) -> str:
        platform.target.delete(self._request(platform, model).name)
        return ""

    def _misplaced(self, platform: Platform, model: str, gone: bool) -> str:
        if (platform.target.describe(self._request(platform, model).name) is None) != gone:
            return f"{model} on {platform.target.target}"
        return "" if gone else self._wrong_answer(platform, model)


def main(count: int) -> None:
    import os
    from tempfile import TemporaryDirectory

    from rich.console import Console

    from intermodal.sandbox import clouds
    from tests.sandbox_fixture import make

    console = Console(highlight=False)
    with TemporaryDirectory() as folder:
        sandbox = make(Path(folder) / "home")
        try:
            for cloud in ("aws", "gcp", "azure"):
                sandbox.start(cloud)
            os.environ.update(clouds.variables(sandbox.settings, sandbox.started))
            world = NearNames(platforms(), pairs(count), Path(folder) / "packages")
            world.deploy()
            console.print(f"{len(world.models)} models on {len(world.platforms)} targets")
            console.print(f"answer for another model: {world.answering_for_others() or 'none'}")
            console.print(f"wrong after a withdrawal: {world.withdraw_first_of_each() or 'none'}")
        finally:
            sandbox.stop()


def platforms() -> list[Platform]:
    """The default target of each enabled cloud, by the settings in the environment."""
    import os

    from intermodal.platform.catalogue import default_targets
    from intermodal.resources.adapters import CatalogueStores, CatalogueTargets

    targets, stores = CatalogueTargets(), CatalogueStores()
    images = {target: os.environ[f"INTERMODAL_{target.cloud.upper()}_IMAGE"] for target in default_targets()}
    return [Platform(targets.get(target), stores.get(target.site), image) for target, image in images.items()]


if __name__ == "__main__":
    main(int(sys.argv[1]))
