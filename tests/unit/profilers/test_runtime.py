import torch

from sebench.profilers.runtime import _onednn_version, runtime_facts


def test_runtime_facts_are_torchs_own():
    facts = runtime_facts()
    assert facts["torch"] == torch.__version__
    assert facts["num_threads"] == torch.get_num_threads()
    assert facts["cpu_capability"] == torch.backends.cpu.get_cpu_capability()
    assert facts["default_dtype"] == "float32"
    assert len(facts["build_sha256"]) == 64
    assert facts["cuda_available"] is torch.cuda.is_available()


def test_runtime_facts_are_plain_values():
    facts = runtime_facts()
    assert facts.pop("device") == {}  # the CPU has its own part of the environment
    assert {type(value) for value in facts.values()} <= {str, int, bool, type(None)}


def test_onednn_version_under_both_of_its_names():
    assert _onednn_version("  - Intel(R) MKL-DNN v3.13.3 (Git Hash b38f97e)") == "3.13.3"
    assert _onednn_version("  - oneDNN v3.7.1") == "3.7.1"
    assert _onednn_version("  - OpenMP 201511") is None
