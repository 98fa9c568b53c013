"""The Python files of a model's folder, which its package carries when the model file refers to them."""

import pickletools
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from intermodal.platform.protocol.package import CODE

TEST_FOLDERS = frozenset({"test", "tests"})
NOT_OURS = frozenset({"__pycache__", "site-packages", "node_modules"})


@dataclass(frozen=True)
class Sources:
    """A model's folder, and the dotted name by which training imports it."""

    folder: Path
    module: str

    def are_named_in(self, pickled: bytes) -> bool:
        """Whether a pickle refers to one of the modules, or holds a function that was defined in one."""
        names = set(self.modules())
        texts = {argument for _, argument, _ in pickletools.genops(pickled) if isinstance(argument, str)}
        # Before protocol 4 the names of module and class are one argument.
        return any(text.partition(" ")[0] in names for text in texts)

    def modules(self) -> dict[str, Path]:
        """The files by dotted name: those of the folder, and those that this process imported from it, by the names by
        which it did. Tests and hidden files are left out unless they were imported."""
        found = {}
        for path in sorted(self.folder.rglob("*.py")):
            parts = path.relative_to(self.folder).with_suffix("").parts
            if not _is_left_out(parts):
                found[".".join([self.module, *(parts[:-1] if parts[-1] == "__init__" else parts)])] = path
        return {**found, **dict(self._imported())}

    def _imported(self) -> Iterator[tuple[str, Path]]:
        own = self.folder.resolve()
        for name, module in list(sys.modules.items()):
            path = Path(getattr(module, "__file__", None) or "")
            if path.suffix == ".py" and name not in ("__main__", "__mp_main__") and own in path.resolve().parents:
                yield name, path

    def write(self, folder: Path) -> None:
        """Copy the files below ``code`` of a package's folder, laid out by dotted name."""
        for name, path in self.modules().items():
            to = PurePath(*name.split("."))
            to = to / path.name if path.stem == "__init__" else to.with_suffix(".py")
            (folder / CODE / to).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / CODE / to)


def _is_left_out(parts: tuple[str, ...]) -> bool:
    *folders, name = parts
    return (
        any(not part.isidentifier() for part in parts)
        or bool(set(parts) & NOT_OURS)
        or bool(set(folders) & TEST_FOLDERS)
        or name.startswith("test_")
        or name.endswith("_test")
        or name == "conftest"
    )
