"""The cache of static costs gives what was put in, or nothing."""

from sebench.schema import ModelCost, ModelSpec
from sebench.store import CountCache
from tests import samples


def test_the_count_cache_forgets_broken_entries(tmp_path):
    cache = CountCache(tmp_path)
    cost = ModelCost(spec=ModelSpec(model="resnet50"), cost=samples.cost(10, 20))
    assert cache.get("key") is None
    cache.put("key", cost)
    assert cache.get("key") == cost
    assert cache.get("other key") is None
    next(tmp_path.iterdir()).write_text("{")
    assert cache.get("key") is None


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").write_text("")
    CountCache(tmp_path / "file" / "cache").put(
        "key", ModelCost(spec=ModelSpec(model="m"), cost=samples.cost(1, 1))
    )
