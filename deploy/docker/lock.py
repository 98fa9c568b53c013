"""Pin what images are made of: ``python -m deploy.docker.lock``, part of ``make lock``.

Python packages are pinned with hashes, one file for each package format, and take the versions of the development
environment, so that a model is served by what it was tested with.
"""

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
EXTRAS = {
    "lightgbm": ("serving",),
    "sklearn": ("serving", "sklearn"),
    "xgboost": ("serving", "xgboost"),
    "catboost": ("serving", "catboost"),
    "onnx": ("serving", "onnx"),
}
"""Extras of pyproject.toml that a package format needs in its image."""
NUMERIC = ("numpy", "scipy", "narwhals")
PLOTS = (
    "contourpy",
    "cycler",
    "fonttools",
    "graphviz",
    "kiwisolver",
    "matplotlib",
    "packaging",
    "pillow",
    "plotly",
    "pyparsing",
)
LEFT_OUT = {
    "lightgbm": NUMERIC,
    "xgboost": (*NUMERIC, "lightgbm"),
    "catboost": ("narwhals", "lightgbm", *PLOTS),
    "onnx": ("scipy", "narwhals", "lightgbm", "onnx", "ml-dtypes"),
}
"""What only the Python packages of LightGBM and XGBoost need, whose libraries the server calls without them
(serving/runtimes/lightgbm_c.py, xgboost_c.py), and what CatBoost needs to draw. Without them a layer has a third of the
bytes."""
PYTHON = ("python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib")
LIBRARIES = (
    *("libbz2-1.0", "libc6", "libcrypt1", "libexpat1", "libffi8", "libgcc-s1", "libgomp1", "liblzma5"),
    *("libsqlite3-0", "libssl3", "libstdc++6", "libuuid1", "zlib1g"),
)
FILES = ("base-files", "ca-certificates", "media-types", "netbase", "tzdata")
"""Debian packages of the base. libgomp1 and libstdc++6 are for the packages with compiled code."""


def main() -> None:
    lock_packages()
    lock_base()


def lock_packages() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for name, needed in EXTRAS.items():
        wanted = [requirement for extra in needed for requirement in extras[extra]]
        left_out = [part for package in LEFT_OUT.get(name, ()) for part in ("--no-emit-package", package)]
        subprocess.run(
            [
                *(str(Path(sys.executable).with_name("uv")), "pip", "compile", "-q", "-", *left_out),
                *("--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_28", "--only-binary", ":all:"),
                *("--constraints", str(ROOT / "requirements/dev.txt")),
                *("--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"),
                *("-o", str(HERE / f"requirements-{name}.txt")),
            ],
            input="\n".join(wanted),
            text=True,
            check=True,
        )


def lock_base() -> None:
    """The newest versions that apt knows here. Elsewhere than on Debian 12 the lock stays as it is."""
    if shutil.which("apt-cache") is None or "bookworm" not in Path("/etc/os-release").read_text(encoding="utf-8"):
        sys.stderr.write("base.lock.json is not renewed: that needs Debian 12 (bookworm)\n")
        return
    lock = []
    for name in (*PYTHON, *LIBRARIES, *FILES):
        command = ["apt-cache", "show", "--no-all-versions", name]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        fields = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line and not line.startswith(" "))
        lock.append({"name": name, "version": fields["Version"], "sha256": fields["SHA256"]})
    (HERE / "base.lock.json").write_text(json.dumps(lock, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
