"""The functions of XGBoost's C API that predict, under their C names.

https://xgboost.readthedocs.io/en/stable/c.html. Its Python package takes 200 us to 2.9 ms for one row, of which the
trees take 70 us, and its import takes 2.4 s and 140 MB. Prediction needs none of that.
"""

import ctypes
import json
from ctypes import POINTER, byref, c_char_p, c_float, c_int, c_uint64, c_void_p
from importlib.util import find_spec
from pathlib import Path

from intermodal.platform.errors import MissingExtra

Handle = c_void_p
SIGNATURES = {
    "XGBoosterCreate": (c_void_p, c_uint64, POINTER(Handle)),
    "XGBoosterFree": (Handle,),
    "XGBoosterLoadModel": (Handle, c_char_p),
    "XGBoosterSetParam": (Handle, c_char_p, c_char_p),
    "XGBoosterGetNumFeature": (Handle, POINTER(c_uint64)),
    "XGBoosterGetAttr": (Handle, c_char_p, POINTER(c_char_p), POINTER(c_int)),
    "XGBoosterPredictFromDense": (
        *(Handle, c_char_p, c_char_p, c_void_p),
        *(POINTER(POINTER(c_uint64)), POINTER(c_uint64), POINTER(POINTER(c_float))),
    ),
}


class XgboostError(Exception):
    """A call of the library failed. The text is the library's own."""


def library() -> ctypes.CDLL:
    """MissingExtra when XGBoost is not installed."""
    spec = find_spec("xgboost")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtra("xgboost", "xgboost")
    file = next((Path(spec.submodule_search_locations[0]) / "lib").glob("libxgboost.*"))
    loaded = ctypes.CDLL(str(file))
    loaded.XGBGetLastError.restype = c_char_p
    for name, arguments in SIGNATURES.items():
        function = getattr(loaded, name)
        function.argtypes, function.restype = arguments, c_int
    return loaded


def check(loaded: ctypes.CDLL, result: int) -> None:
    """Raise XgboostError when a call did not return 0."""
    if result:
        raise XgboostError(loaded.XGBGetLastError().decode(errors="replace"))


def attribute(loaded: ctypes.CDLL, booster: Handle, name: str) -> str | None:
    """An attribute that training stored in the model; None without it."""
    text, found = c_char_p(), c_int()
    check(loaded, loaded.XGBoosterGetAttr(booster, name.encode(), byref(text), byref(found)))
    return text.value.decode() if found.value and text.value is not None else None


def matrix(address: int, rows: int, columns: int) -> bytes:
    """The array interface of float32 numbers, row by row: https://numpy.org/doc/stable/reference/arrays.interface.html"""
    return json.dumps({"data": [address, True], "shape": [rows, columns], "typestr": "<f4", "version": 3}).encode()
