"""Records as Parquet: the same as CSV, with types."""

import io

import pandas as pd
import pytest

from sebench.errors import UsageError
from sebench.reporting import parquet
from sebench.reporting.sweep import sweep_records
from tests.sweeps import small


def test_a_file_is_read_as_it_was_written():
    pytest.importorskip("pyarrow")
    records = sweep_records(small().rows)
    found = pd.read_parquet(io.BytesIO(parquet.records_parquet(records)))
    assert tuple(found.columns) == records.keys
    assert found["batch_size"].dtype == "Int64"
    pd.testing.assert_frame_equal(found, records.to_frame(), check_dtype=False)


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(parquet, "find_spec", lambda name: None)
    with pytest.raises(UsageError) as caught:
        parquet.records_parquet(sweep_records(()))
    assert str(caught.value) == "--format parquet needs pyarrow; pip install 'sebench-torch[parquet]'"
