"""A cache gives what was put in, or nothing."""

import msgspec

from sebench.schema import Machine, ModelCost, ModelSpec
from sebench.store import CountCache, MachineCache
from tests import samples


def test_broken_entries_are_forgotten(tmp_path):
    cache = CountCache(tmp_path)
    cost = ModelCost(spec=ModelSpec(model="resnet50"), cost=samples.cost(10, 20))
    assert cache.get("key") is None
    cache.put("key", cost)
    assert cache.get("key") == cost
    assert cache.get("other key") is None
    next(tmp_path.iterdir()).write_text("{")
    assert cache.get("key") is None


def test_an_edited_entry_is_forgotten(tmp_path):
    cache = CountCache(tmp_path)
    cache.put("key", ModelCost(spec=ModelSpec(model="resnet50"), cost=samples.cost(10, 20)))
    (entry,) = tmp_path.iterdir()
    text = entry.read_text()
    assert '"params":10' in text
    entry.write_text(text.replace('"params":10', '"params":11'))
    assert cache.get("key") is None
    entry.write_text(text)
    assert cache.get("key").cost.params == 10


def test_an_entry_under_another_key_is_forgotten(tmp_path):
    cache = CountCache(tmp_path)
    cache.put("key", ModelCost(spec=ModelSpec(model="resnet50"), cost=samples.cost(10, 20)))
    (first,) = tmp_path.iterdir()
    cache.put("other", ModelCost(spec=ModelSpec(model="resnet101"), cost=samples.cost(30, 40)))
    (second,) = set(tmp_path.iterdir()) - {first}
    second.write_bytes(first.read_bytes())
    assert cache.get("other") is None
    assert cache.get("key") is not None


def test_entries_from_before_there_were_checksums_are_forgotten(tmp_path):
    cache = CountCache(tmp_path)
    cost = ModelCost(spec=ModelSpec(model="resnet50"), cost=samples.cost(10, 20))
    cache.put("key", cost)
    (entry,) = tmp_path.iterdir()
    entry.write_bytes(msgspec.json.encode(cost))
    assert cache.get("key") is None


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").write_text("")
    CountCache(tmp_path / "file" / "cache").put(
        "key", ModelCost(spec=ModelSpec(model="m"), cost=samples.cost(1, 1))
    )


def test_a_value_of_another_kind_is_absent(tmp_path):
    machine = Machine(copy_bytes_per_s=1e9, matmul_flops_per_s=1e9, launch_s=1e-6)
    MachineCache(tmp_path).put("key", machine)
    assert MachineCache(tmp_path).get("key") == machine
    assert CountCache(tmp_path).get("key") is None
