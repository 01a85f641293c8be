import msgspec
import pytest

from sebench.schema import Environment, fingerprint, fingerprint_facts


def example(**changes):
    base = Environment(
        cpu={"model": "X", "isa": ["avx2"], "usable_cores": 4, "quota_cores": None},
        memory={"available_bytes": 5},
        platform={"machine": "x86_64", "hostname_hash": "abc"},
        load={"load1": 0.1},
        versions={"torch": "2.15.0+cu132", "numpy": "2.0"},
        variables={},
    )
    return msgspec.structs.replace(base, **changes)


def test_fingerprint_is_a_sha256():
    assert len(fingerprint(example())) == 64
    assert int(fingerprint(example()), 16)


@pytest.mark.parametrize(
    "changes",
    [
        {"load": {"load1": 9.0}},
        {"memory": {"available_bytes": 1}},
        {"runtime": {"num_threads": 2}},
        {"versions": {"torch": "2.15.1"}},  # same minor version
        {"variables": {"CUDA_VISIBLE_DEVICES": "0"}},
        {"git": {"commit": "f" * 40}},
    ],
)
def test_fingerprint_ignores_what_varies_on_one_set_up(changes):
    assert fingerprint(example(**changes)) == fingerprint(example())


@pytest.mark.parametrize(
    "changes",
    [
        {"cpu": {**example().cpu, "model": "Y"}},
        {"cpu": {**example().cpu, "isa": ["avx2", "avx512f"]}},
        {"cpu": {**example().cpu, "usable_cores": 2}},
        {"cpu": {**example().cpu, "quota_cores": 4.0}},
        {"platform": {"machine": "aarch64"}},
        {"versions": {"torch": "2.14.0"}},
        {"versions": {"torch": None}},
        {"device": {"name": "GPU X"}},
        {"variables": {"OMP_PROC_BIND": "true"}},
        {"variables": {"ATEN_CPU_CAPABILITY": "avx2"}},
    ],
)
def test_fingerprint_differs_with_what_decides_a_timing(changes):
    assert fingerprint(example(**changes)) != fingerprint(example())


def test_facts_are_named_and_decide_the_fingerprint():
    facts = fingerprint_facts(example(device={"name": "GPU X", "driver": "570.1"}))
    assert facts["cpu.model"] == "X"
    assert facts["torch"] == "2.15"
    assert facts["machine"] == "x86_64"
    assert facts["variables.OMP_NUM_THREADS"] is None
    assert (facts["device.name"], facts["device.driver"]) == ("GPU X", "570")
    assert not any(name.startswith("device") for name in fingerprint_facts(example()))
