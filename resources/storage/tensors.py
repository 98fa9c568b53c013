"""Parquet with columns of tensors, as Arrow's own type for them, which other readers of Parquet know.

https://arrow.apache.org/docs/format/CanonicalExtensions.html#fixed-shape-tensor
"""

from typing import BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from intermodal.platform.training.tensor_cells import holds_tensors, stacked


def write_parquet(table: pd.DataFrame, target: BinaryIO) -> None:
    """Write a table. ValueError for a column of tensors that have not one shape and one dtype."""
    tensors = [name for name in table if holds_tensors(table[name])]
    if not tensors:
        table.to_parquet(target, index=False)
        return
    plain = pa.Table.from_pandas(table.drop(columns=tensors), preserve_index=False)
    columns = {name: _tensors(table[name]) if name in tensors else plain.column(name) for name in table.columns}
    pq.write_table(pa.table(columns).replace_schema_metadata(plain.schema.metadata), target)


def _tensors(values: pd.Series) -> pa.FixedShapeTensorArray:
    array = np.ascontiguousarray(stacked(values))
    # Arrow's tensors hold no bits.
    return pa.FixedShapeTensorArray.from_numpy_ndarray(array.astype("uint8") if array.dtype == bool else array)


def read_parquet(source: BinaryIO) -> pd.DataFrame:
    """Read a table; a cell of a column of tensors is an array."""
    arrow = pq.read_table(source)
    tensors = [field.name for field in arrow.schema if isinstance(field.type, pa.FixedShapeTensorType)]
    plain = arrow.drop_columns(tensors)
    found = plain.to_pandas() if plain.num_columns else pd.DataFrame(index=range(arrow.num_rows))
    for position, name in enumerate(arrow.column_names):
        if name in tensors:
            cells = list(arrow.column(name).combine_chunks().to_numpy_ndarray())
            found.insert(position, name, pd.Series(cells, dtype=object))
    return found
