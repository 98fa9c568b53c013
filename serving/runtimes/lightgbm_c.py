"""The functions of LightGBM's C API that predict, under their C names.

https://lightgbm.readthedocs.io/en/stable/C-API.html. The Python package takes 25 us for one row, of which the
trees take 4, and its import takes 55 MB and 0.4 s. Prediction needs none of that.
"""

import ctypes
from ctypes import POINTER, byref, c_char_p, c_double, c_int, c_int32, c_int64, c_void_p
from importlib.util import find_spec
from pathlib import Path

from intermodal.platform.errors import MissingExtra

FLOAT64, NORMAL = 1, 0
"""C_API_DTYPE_FLOAT64, C_API_PREDICT_NORMAL."""
ALL_TREES = (0, -1)
"""start_iteration, num_iteration."""
ONE_THREAD = b"num_threads=1"
"""Batches are small, so more threads would only add synchronisation."""

_MATRIX = (c_void_p, c_void_p, c_int, c_int32, c_int32, c_int, c_int, c_int, c_int, c_char_p)
SIGNATURES = {
    "LGBM_BoosterCreateFromModelfile": (c_char_p, POINTER(c_int), POINTER(c_void_p)),
    "LGBM_BoosterFree": (c_void_p,),
    "LGBM_BoosterGetNumFeature": (c_void_p, POINTER(c_int)),
    "LGBM_BoosterGetNumClasses": (c_void_p, POINTER(c_int)),
    "LGBM_BoosterNumberOfTotalModel": (c_void_p, POINTER(c_int)),
    "LGBM_BoosterPredictForMat": (*_MATRIX, POINTER(c_int64), c_void_p),
    "LGBM_BoosterPredictForMatSingleRowFastInit": (
        *(c_void_p, c_int, c_int, c_int, c_int, c_int32, c_char_p, POINTER(c_void_p)),
    ),
    "LGBM_BoosterPredictForMatSingleRowFast": (c_void_p, c_void_p, c_void_p, c_void_p),
    "LGBM_FastConfigFree": (c_void_p,),
}


class LightgbmError(Exception):
    """A call of the library failed. The text is the library's own."""


def libraries() -> tuple[ctypes.CDLL, ctypes.PyDLL]:
    """The library twice: calls of the first release the GIL, calls of the second keep it, which is faster for a call of
    4 us. Raises MissingExtra when lightgbm is not installed."""
    spec = find_spec("lightgbm")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtra("lightgbm", "serving")
    file = str(next((Path(spec.submodule_search_locations[0]) / "lib").glob("lib_lightgbm.*")))
    both = ctypes.CDLL(file), ctypes.PyDLL(file)
    for library in both:
        library.LGBM_GetLastError.restype = c_char_p
        for name, arguments in SIGNATURES.items():
            function = getattr(library, name)
            function.argtypes, function.restype = arguments, c_int
    return both


def check(library: ctypes.CDLL, result: int) -> None:
    """Raise LightgbmError when a call did not return 0."""
    if result:
        raise LightgbmError(library.LGBM_GetLastError().decode(errors="replace"))


def read_int(library: ctypes.CDLL, name: str, handle: c_void_p) -> int:
    """The result of a function ``LGBM_Booster...Num...``."""
    number = c_int()
    check(library, getattr(library, name)(handle, byref(number)))
    return number.value


def doubles(count: int) -> "ctypes.Array[c_double]":
    return (c_double * count)()
