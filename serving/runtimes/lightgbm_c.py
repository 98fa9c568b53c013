"""The part of LightGBM's C API that predicts, with the names it has there.

https://lightgbm.readthedocs.io/en/stable/C-API.html. Its Python package takes 25 us for one row, of which the trees
take 4, and 55 MB and 0.4 s to be imported; nothing of that is needed to predict.
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
"""Batches are small, and threads that wait for each other cost more."""

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
    """What the library says of a call that failed."""


def libraries() -> tuple[ctypes.CDLL, ctypes.PyDLL]:
    """The library twice: calls of the first let other Python threads run, calls of the second do not, which is what a
    call of 4 us wants. MissingExtra when lightgbm is not installed."""
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


def checked(library: ctypes.CDLL, result: int) -> None:
    """LightgbmError when a call did not return 0."""
    if result:
        raise LightgbmError(library.LGBM_GetLastError().decode(errors="replace"))


def asked(library: ctypes.CDLL, name: str, handle: c_void_p) -> int:
    """The number that an ``LGBM_Booster...Num...`` gives."""
    number = c_int()
    checked(library, getattr(library, name)(handle, byref(number)))
    return number.value


def doubles(count: int) -> "ctypes.Array[c_double]":
    return (c_double * count)()
