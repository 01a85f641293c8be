"""What is dumped loads back to the same settings."""

import tomllib

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sebench.configuration import (
    BaseRefSettings,
    CeilingSettings,
    CheckSettings,
    Configuration,
    FactoriesSettings,
    LockSettings,
    StoredSettings,
    dump_configuration,
    load_configuration,
)
from sebench.schema import LIMIT_METRICS

# TOML is Unicode text: no lone surrogates.
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
positive = st.integers(min_value=1, max_value=2**40)
ratios = st.floats(min_value=0, exclude_min=True, allow_nan=False, allow_infinity=False)
limit_ratios = st.floats(min_value=0.5, max_value=5, exclude_max=True)
limits = st.dictionaries(st.sampled_from(LIMIT_METRICS), limit_ratios, min_size=1, max_size=4)
WORKLOAD = {
    "device": st.none() | st.sampled_from(["auto", "cpu", "cuda", "cuda:11"]),
    "phase": st.none() | st.sampled_from(["inference", "training"]),
    "batch_size": st.none() | positive,
    "image_size": st.none() | positive | st.builds("{}x{}".format, positive, positive),
    "dtype": st.none() | st.sampled_from(["float32", "amp-bfloat16"]),
    "memory_format": st.none() | st.sampled_from(["contiguous", "channels_last"]),
    "threads": st.none() | positive,
    "runtime": st.none() | st.sampled_from(["eager", "compile", "cudagraph"]),
}


def several(settings, **fields):
    return st.lists(st.builds(settings, **fields), max_size=2).map(tuple)


checks = st.builds(
    CheckSettings,
    effort=st.none() | st.sampled_from(["quick", "standard", "rigorous"]),
    budget=st.none() | ratios,
    on_inconclusive=st.none() | st.sampled_from(["pass", "fail"]),
    ceiling=several(
        CeilingSettings, model=names, variant=names, baseline=names, max_overhead=limits, **WORKLOAD
    ),
    factories=several(FactoriesSettings, baseline=names, candidate=names, margin=limits, **WORKLOAD),
    base_ref=several(BaseRefSettings, model=names, ref=names, margin=limits, **WORKLOAD),
    stored=several(StoredSettings, result=names, margin=limits),
)
several_names = st.lists(names, max_size=3).map(tuple)
locks = st.none() | st.builds(LockSettings, file=names, models=several_names, variants=several_names)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lock=locks, check=checks)
def test_a_dump_loads_back_to_the_same_value(tmp_path_factory, lock, check):
    folder = tmp_path_factory.mktemp("project")
    source = folder / "sebench.toml"
    configuration = Configuration(lock=lock, check=check, source=source)
    source.write_bytes(dump_configuration(configuration).encode())
    assert load_configuration(folder) == configuration


def test_the_text_has_kebab_case_keys_and_the_defaults():
    limit = {"latency": 1.05}
    text = dump_configuration(
        Configuration(
            lock=LockSettings(models=("resnet50",)),
            check=CheckSettings(
                on_inconclusive="fail",
                ceiling=(CeilingSettings(model="resnet50", runtime="compile", max_overhead=limit),),
            ),
        )
    )
    assert tomllib.loads(text) == {
        "lock": {"file": "sebench.lock.json", "models": ["resnet50"], "variants": ["se"]},
        "check": {
            "on-inconclusive": "fail",
            "ceiling": [
                {
                    "model": "resnet50",
                    "variant": "se",
                    "baseline": "plain",
                    "runtime": "compile",
                    "max-overhead": {"latency": 1.05},
                }
            ],
            "factories": [],
            "base-ref": [],
            "stored": [],
        },
    }
