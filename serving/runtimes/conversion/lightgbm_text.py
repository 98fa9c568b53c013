"""LightGBM's text format (version v4), for trees of other libraries.

Source of the fields: ``Tree::ToString`` and ``GBDT::SaveModelToString`` in https://github.com/lightgbm-org/LightGBM.
Numbers are written with all digits that they need, so reading gives the same bits. It is used in training only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

CATEGORICAL, DEFAULT_LEFT, MISSING_IS_NAN = 1, 2, 8
"""Bits of ``decision_type`` (include/LightGBM/tree.h)."""
ZERO = float(np.float32(1e-35))
"""LightGBM's ``kZeroThreshold``: a number of a request that is as near to zero as this is read as zero."""
WORD = 32
"""Bits of a word in a set of categories."""


@dataclass(frozen=True)
class Tree:
    """One tree by arrays over its nodes; the root is node 0.

    ``left`` and ``right`` are nodes and -1 in a leaf. ``value`` counts in leaves. A number goes left when it is at most
    ``threshold``, and NaN where ``nan_left`` says so. ``sets`` has the codes that go left for nodes that split
    categories; every other code and NaN goes right there, as LightGBM has it.
    """

    feature: Any
    threshold: Any
    nan_left: Any
    left: Any
    right: Any
    value: Any
    sets: Mapping[int, Sequence[int]]

    @property
    def inner(self) -> Any:
        """Nodes with children, in order."""
        return np.flatnonzero(self.left >= 0)

    def text(self, index: int) -> str:
        inner, leaves = self.inner, np.flatnonzero(self.left < 0)
        lines = [f"Tree={index}", f"num_leaves={len(leaves)}", f"num_cat={len(self.sets)}"]
        if inner.size:
            position = np.empty(len(self.left), dtype=np.int64)
            position[inner], position[leaves] = np.arange(len(inner)), ~np.arange(len(leaves))
            decision = np.where(self.nan_left[inner], MISSING_IS_NAN | DEFAULT_LEFT, MISSING_IS_NAN)
            threshold = self.threshold[inner].astype(float)
            bounds, words = [0], list[int]()
            for i, node in enumerate(inner.tolist()):
                if node in self.sets:
                    threshold[i], decision[i] = len(bounds) - 1, CATEGORICAL
                    words += _bitset(self.sets[node])
                    bounds.append(len(words))
            lines += [
                "split_feature=" + _joined(self.feature[inner]),
                "threshold=" + _joined(threshold),
                "decision_type=" + _joined(decision),
                "left_child=" + _joined(position[self.left[inner]]),
                "right_child=" + _joined(position[self.right[inner]]),
            ]
            if words:
                lines += ["cat_boundaries=" + _joined(np.array(bounds)), "cat_threshold=" + _joined(np.array(words))]
        return "\n".join([*lines, "leaf_value=" + _joined(self.value[leaves].astype(float)), "shrinkage=1", "", "", ""])


def _bitset(codes: Sequence[int]) -> list[int]:
    words = [0] * (max(codes, default=0) // WORD + 1)
    for code in codes:
        words[code // WORD] |= 1 << code % WORD
    return words


def _joined(values: Any) -> str:
    return " ".join(map(repr, values.tolist()))


@dataclass(frozen=True)
class Model:
    """Trees in the order of LightGBM: all ``per_round`` outputs of the first round, then of the second.

    ``objective`` names the function from sums to predictions, '' for none. ``average`` divides sums by the number of
    rounds. ``is_exact`` says whether predictions are equal in every bit; a function such as exp may differ in the last.
    """

    trees: Sequence[Tree]
    per_round: int
    objective: str = ""
    average: bool = False
    is_exact: bool = True

    def thresholds(self, features: int) -> list[list[float]]:
        """Where numbers are split, by feature, in order."""
        found = [set[float]() for _ in range(features)]
        for tree in self.trees:
            numeric = [node for node in tree.inner.tolist() if node not in tree.sets]
            for feature, value in zip(tree.feature[numeric].tolist(), tree.threshold[numeric].tolist(), strict=True):
                found[feature].add(value)
        return [sorted(values) for values in found]

    def text(self, features: int) -> str:
        trees = [tree.text(index) for index, tree in enumerate(self.trees)]
        header = [
            *("tree", "version=v4", f"num_class={self.per_round}", f"num_tree_per_iteration={self.per_round}"),
            *("label_index=0", f"max_feature_idx={features - 1}"),
            *([f"objective={self.objective}"] if self.objective else []),
            *(["average_output"] if self.average else []),
            "feature_names=" + " ".join(f"f{i}" for i in range(features)),
            "feature_infos=" + " ".join(["none"] * features),
            "tree_sizes=" + " ".join(str(len(tree)) for tree in trees),
        ]
        return "\n".join(header) + "\n\n" + "".join(trees) + "end of trees\n\npandas_categorical:null\n"
