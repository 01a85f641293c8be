"""Where the configuration is looked for, and what is refused in it, by full key."""

import tomllib

import pytest
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
from sebench.errors import ConfigurationError
from sebench.runner.planning.workloads import image_size
from sebench.schema import LIMIT_METRICS

COMPLETE = """
[lock]
file = "exact/lock.json"
models = ["resnet50", "nets.py:net"]
variants = ["se", "eca"]

[check]
effort = "rigorous"
budget = 120
on-inconclusive = "pass"

[[check.ceiling]]
model = "resnet50"
max-overhead = { latency = 1.10, params = 2 }

[[check.ceiling]]
model = "resnet101"
variant = "se(r=8)"
baseline = "se"
device = "cuda:1"
phase = "training"
batch-size = 32
image-size = "800x1333"
dtype = "amp-bfloat16"
memory-format = "channels_last"
threads = 2
exec = "compile"
max-overhead = { peak_memory = 1.1 }

[[check.factories]]
baseline = "nets.py:old"
candidate = "nets.py:new"
margin = { latency = 1.05 }

[[check.base-ref]]
model = "nets.py:net"
ref = "main"
image-size = 96
margin = { latency = 1.05 }

[[check.stored]]
result = "results/main.json"
margin = { latency = 1.05 }
"""


def load(folder, text, name="sebench.toml"):
    (folder / name).write_text(text)
    return load_configuration(folder)


def refused(folder, text, name="sebench.toml"):
    with pytest.raises(ConfigurationError) as caught:
        load(folder, text, name)
    return str(caught.value)


def test_the_table_of_the_other_file_is_explained(tmp_path):
    found = refused(tmp_path, "[tool.sebench.check]\nbudget = 5")
    assert found == (
        "sebench.toml: unknown table [tool]; [tool.sebench.check] of pyproject.toml is [check] here"
    )


def test_everything_that_can_be_said(tmp_path):
    assert load(tmp_path, COMPLETE) == Configuration(
        lock=LockSettings(file="exact/lock.json", models=("resnet50", "nets.py:net"), variants=("se", "eca")),
        check=CheckSettings(
            effort="rigorous",
            budget=120.0,
            on_inconclusive="pass",
            ceiling=(
                CeilingSettings(model="resnet50", max_overhead={"latency": 1.1, "params": 2.0}),
                CeilingSettings(
                    model="resnet101",
                    variant="se(r=8)",
                    baseline="se",
                    device="cuda:1",
                    phase="training",
                    batch_size=32,
                    image_size="800x1333",
                    dtype="amp-bfloat16",
                    memory_format="channels_last",
                    threads=2,
                    runtime="compile",
                    max_overhead={"peak_memory": 1.1},
                ),
            ),
            factories=(
                FactoriesSettings(baseline="nets.py:old", candidate="nets.py:new", margin={"latency": 1.05}),
            ),
            base_ref=(
                BaseRefSettings(model="nets.py:net", ref="main", image_size=96, margin={"latency": 1.05}),
            ),
            stored=(StoredSettings(result="results/main.json", margin={"latency": 1.05}),),
        ),
        source=tmp_path / "sebench.toml",
    )


def test_pyproject_says_the_same_under_its_own_table(tmp_path):
    nested = COMPLETE.replace("[check", "[tool.sebench.check").replace("[lock]", "[tool.sebench.lock]")
    shared = load(tmp_path, f'[project]\nname = "mine"\n{nested}', "pyproject.toml")
    (tmp_path / "pyproject.toml").unlink()
    own = load(tmp_path, COMPLETE)
    assert (shared.lock, shared.check) == (own.lock, own.check)
    assert shared.source == tmp_path / "pyproject.toml"


@pytest.mark.parametrize(
    ("size", "pixels"),
    [("96", 96), ('"96"', 96), ('"96x96"', 96), ('"800x1333"', (800, 1333))],
)
def test_image_sizes(tmp_path, size, pixels):
    text = f'[[check.ceiling]]\nmodel = "m"\nmax-overhead = {{ latency = 1 }}\nimage-size = {size}'
    assert image_size(load(tmp_path, text).check.ceiling[0]) == pixels


# --- where it is looked for -----------------------------------------------------------------------------


def test_nothing_configured(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.ruff]\n")
    configuration = load_configuration(tmp_path)
    assert configuration == Configuration(lock=None, check=CheckSettings(), source=None)
    assert str(configuration.lock_file) == "sebench.lock.json"


def test_the_nearest_parent_within_the_repository(tmp_path):
    deep = tmp_path / "repository" / "package" / "deep"
    deep.mkdir(parents=True)
    (tmp_path / "sebench.toml").write_text('[lock]\nmodels = ["outside"]\n')
    (tmp_path / "repository" / ".git").mkdir()
    assert load_configuration(deep).source is None  # what lies above the repository is not ours
    (tmp_path / "repository" / "sebench.toml").write_text('[lock]\nmodels = ["root"]\n')
    # a pyproject.toml without [tool.sebench] says nothing, so the search goes on
    (tmp_path / "repository" / "package" / "pyproject.toml").write_text("[project]\n")
    found = load_configuration(deep)
    assert found.lock.models == ("root",)
    assert found.lock_file == tmp_path / "repository" / "sebench.lock.json"
    (deep / "sebench.toml").write_text('[lock]\nfile = "mine.json"\n')
    assert load_configuration(deep).lock_file == deep / "mine.json"


def test_without_a_repository_parents_are_not_searched(tmp_path):
    (tmp_path / "sebench.toml").write_text("")
    (tmp_path / "deep").mkdir()
    assert load_configuration(tmp_path / "deep").source is None


def test_a_file_of_a_linked_worktree_ends_the_search_too(tmp_path):
    (tmp_path / ".git").write_text("gitdir: elsewhere")
    (tmp_path / "sebench.toml").write_text("")
    (tmp_path / "deep").mkdir()
    assert load_configuration(tmp_path / "deep").source == tmp_path / "sebench.toml"


def test_paths_are_relative_to_the_file_they_stand_in(tmp_path):
    configuration = load(tmp_path, "")
    assert configuration.resolve("results/main.json") == tmp_path / "results" / "main.json"
    assert str(configuration.resolve("/abs.json")) == "/abs.json"


def test_two_files_in_one_directory_are_refused(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.sebench]\n")
    message = refused(tmp_path, "")
    assert message == (
        f"sebench is configured twice in {tmp_path}: in sebench.toml and in pyproject.toml [tool.sebench]; "
        "keep one of them"
    )


def test_a_file_of_a_parent_is_named_with_its_path(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / "deep").mkdir()
    (tmp_path / "sebench.toml").write_text("chek = 1")
    with pytest.raises(ConfigurationError, match=f"{tmp_path}/sebench.toml: unknown key 'chek'"):
        load_configuration(tmp_path / "deep")


# --- what is refused ------------------------------------------------------------------------------------

CEILING = '[[check.ceiling]]\nmodel = "m"\n'
LIMIT = "max-overhead = { latency = 1.1 }\n"
WORKLOAD = f"{CEILING}{LIMIT}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chek = 1", "unknown key 'chek'; did you mean 'check'?"),
        ("zzz = 1", "unknown key 'zzz'; choose from lock, check"),
        ("check = 1", "[check] expected a table, not a whole number"),
        ("lock = []", "[lock] expected a table, not an array"),
        ("[check]\nbugdet = 120", "[check] unknown key 'bugdet'; did you mean 'budget'?"),
        ("[check]\non_inconclusive = 'fail'", "[check] unknown key 'on_inconclusive'; did you mean 'on-inc"),
        ("[check]\nbudget = '120'", "[check] budget: expected a number, not a string"),
        ("[check]\nbudget = true", "[check] budget: expected a number, not a boolean"),
        ("[check]\nbudget = 1979-05-27", "[check] budget: expected a number, not a date"),
        ("[check]\nbudget = 0", "[check] budget: 0 is not above 0"),
        ("[check]\nbudget = -1.5", "[check] budget: -1.5 is not above 0"),
        ("[check]\nbudget = nan", "[check] budget: nan is not a finite number"),
        ("[check]\nbudget = inf", "[check] budget: inf is not a finite number"),
        (f"[check]\nbudget = 1{'0' * 400}", "[check] budget: inf is not a finite number"),
        ("[check]\neffort = 'standrd'", "[check] effort: unknown value 'standrd'; did you mean 'standard'?"),
        ("[check]\neffort = 1", "[check] effort: expected a string, not a whole number"),
        ("[check]\non-inconclusive = 'x'", "on-inconclusive: unknown value 'x'; choose from fail, pass"),
        ("[lock]\nmodels = 'resnet50'", "[lock] models: expected an array, not a string"),
        ("[lock]\nmodels = ['a', 1]", "[lock] models #2: expected a string, not a whole number"),
        ("[lock]\nmodels = ['']", "[lock] models #1: is empty"),
        ("[lock]\nfile = ''", "[lock] file: is empty"),
        ("[check.ceiling]\nmodel = 'm'", "[check] ceiling: expected an array, not a table"),
        ("[check]\nceiling = [1]", "[check.ceiling #1] expected a table, not a whole number"),
        (CEILING, "[check.ceiling #1] has no key 'max-overhead'; it is required"),
        (f"{WORKLOAD}[[check.ceiling]]\n{LIMIT}", "[check.ceiling #2] has no key 'model'; it is required"),
        (f"{CEILING}max-overhead = {{}}", "[check.ceiling #1] max-overhead: names no metric"),
        (f"{CEILING}max-overhead = 1.1", "[check.ceiling #1] max-overhead: expected a table, not a number"),
        (
            f"{CEILING}max-overhead = {{ latncy = 1.1 }}",
            "[check.ceiling #1] max-overhead: unknown metric 'latncy'; did you mean 'latency'",
        ),
        (
            f"{CEILING}max-overhead = {{ latency = 0 }}",
            "[check.ceiling #1] max-overhead.latency: 0 is not a positive, finite ratio",
        ),
        (f"{CEILING}max-overhead = {{ latency = nan }}", "max-overhead.latency: nan is not a finite number"),
        (
            f"{CEILING}max-overhead = {{ latency = '5%' }}",
            "max-overhead.latency: '5%' is a percentage, and a limit is a ratio; did you mean 1.05?",
        ),
        (
            f"{CEILING}max-overhead = {{ latency = '1.1' }}",
            "max-overhead.latency: expected a number, not a s",
        ),
        (
            f"{CEILING}max-overhead = {{ latency = 0.05 }}",
            "[check.ceiling #1] max-overhead.latency: 0.05 asks for less than half of the old value; "
            "did you mean 1.05?",
        ),
        (
            f"{CEILING}max-overhead = {{ latency = 105 }}",
            "max-overhead.latency: 105 allows 105 times the old value; did you mean 1.05?",
        ),
        (f"{CEILING}max-overhead = {{ latency = -1.0 }}", "latency: -1 is not a positive, finite ratio"),
        (f"{CEILING}max-overhead = {{ latency = inf }}", "latency: inf is not a finite number"),
        (f"{WORKLOAD}batch-size = 0", "[check.ceiling #1] batch-size: 0 is below 1"),
        (f"{WORKLOAD}batch-size = 1.0", "batch-size: expected a whole number, not a number"),
        (f"{WORKLOAD}threads = true", "threads: expected a whole number, not a boolean"),
        (f"{WORKLOAD}image-size = 0", "image-size: 0 is below 1"),
        (f"{WORKLOAD}image-size = '0x5'", "image-size: '0x5' is not a side or a height and width"),
        (f"{WORKLOAD}image-size = [1, 2]", "image-size: expected a whole number, not an array"),
        (f"{WORKLOAD}device = 'gpu'", "device: 'gpu' is not auto, cpu, cuda or cuda:N"),
        (f'{WORKLOAD}device = "cpu\\n"', "device: 'cpu\\n' is not auto, cpu, cuda or cuda:N"),
        (f"{WORKLOAD}dtype = 'half'", "dtype: unknown value 'half'; choose from amp-bfloat16, bfloat16,"),
        (f"{WORKLOAD}exec = 'eagr'", "[check.ceiling #1] exec: unknown value 'eagr'; did you mean 'eager'?"),
        (
            f"{WORKLOAD}exec = 'eager'\nruntime = 'eager'",
            "has both 'exec' and 'runtime'; keep 'runtime'",
        ),
        ("[lock]\nexec = 'eager'", "unknown key 'exec'"),
        ("[[check.stored]]\nresult = 'r'\nmargin = { latency = 1 }\nbatch-size = 2", "unknown key 'batch-si"),
    ],
)
def test_what_cannot_be_meant_is_named_by_its_full_key(tmp_path, text, message):
    found = refused(tmp_path, text)
    assert found.startswith("sebench.toml: ")
    assert message in found
    assert "\n" not in found


def test_in_pyproject_the_key_has_its_whole_table(tmp_path):
    message = refused(tmp_path, "[tool.sebench.check]\nbugdet = 120", "pyproject.toml")
    assert message == ("pyproject.toml: [tool.sebench.check] unknown key 'bugdet'; did you mean 'budget'?")
    assert refused(tmp_path, "[tool]\nsebench = 3", "pyproject.toml") == (
        "pyproject.toml: [tool.sebench] expected a table, not a whole number"
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[check", "sebench.toml is not valid TOML: .*table"),
        (b"budget = \xff", "sebench.toml is not UTF-8 text"),
        (b"budget = " + b"9" * 5000, "sebench.toml is not valid TOML: "),
    ],
)
def test_files_that_cannot_be_read(tmp_path, data, message):
    (tmp_path / "sebench.toml").write_bytes(data)
    with pytest.raises(ConfigurationError, match=message):
        load_configuration(tmp_path)


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    (tmp_path / "sebench.toml").write_text("")

    def denied(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_bytes", denied)
    with pytest.raises(ConfigurationError, match="cannot read sebench.toml: Permission denied"):
        load_configuration(tmp_path)


@pytest.mark.parametrize("key", ["runtime", "exec", "execution"])
def test_a_runtime_goes_by_its_former_names_too(tmp_path, key):
    text = f"[[check.ceiling]]\nmodel = 'm'\nmax-overhead = {{ latency = 1 }}\n{key} = 'compile'"
    assert load(tmp_path, text).check.ceiling[0].runtime == "compile"


# TOML is Unicode text: no lone surrogates.
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
positive = st.integers(min_value=1, max_value=2**40)
ratios = st.floats(min_value=0, exclude_min=True, allow_nan=False, allow_infinity=False)
limit_ratios = st.floats(min_value=0.5, max_value=5, exclude_max=True)
limits = st.dictionaries(st.sampled_from(LIMIT_METRICS), limit_ratios, min_size=1, max_size=4)
DUMPING_WORKLOAD = {
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
        CeilingSettings, model=names, variant=names, baseline=names, max_overhead=limits, **DUMPING_WORKLOAD
    ),
    factories=several(FactoriesSettings, baseline=names, candidate=names, margin=limits, **DUMPING_WORKLOAD),
    base_ref=several(BaseRefSettings, model=names, ref=names, margin=limits, **DUMPING_WORKLOAD),
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
