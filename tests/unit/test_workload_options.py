"""Every option of a workload can be said wherever it has a meaning, and is lost on no way to a reader."""

import csv
import inspect
import io
import json
import tomllib
from pathlib import Path
from typing import get_args

import pytest
from msgspec import NODEFAULT
from msgspec.structs import fields, replace
from typer.main import get_command

import sebench
from sebench.analysis.readings import Reading
from sebench.api.comparing import equivalent_command
from sebench.cli import app
from sebench.configuration import (
    Asked,
    BaseRefSettings,
    CeilingSettings,
    FactoriesSettings,
    load_configuration,
    settings_of,
)
from sebench.reporting import (
    comparison_document,
    comparison_json,
    gate_document,
    gate_json,
    render,
    results_document,
    results_json,
)
from sebench.reporting.answers import place_text
from sebench.reporting.comparison import workload_text
from sebench.reporting.report.document import _summary_place
from sebench.reporting.series import workload_name
from sebench.runner.measuring.calibrations import Calibrations
from sebench.runner.planning.workloads import workloads
from sebench.schema import (
    ASKED_OPTIONS,
    COLUMN_OPTIONS,
    NOTHING_SAID,
    SHAPE_OPTION,
    WORKLOAD_COLUMNS,
    WORKLOAD_OPTIONS,
    Check,
    Comparison,
    Gate,
    Interval,
    LatencySummary,
    ListedResult,
    MetricComparison,
    ModelSpec,
    Pair,
    Quantity,
    Ratio,
    Reason,
    ResultListing,
    ResultSummary,
    Session,
    TimingPolicy,
    Workload,
    WorkloadRequest,
    allows,
    unusual_words,
    workload_values,
)
from sebench.store import criteria
from tests import samples

USUAL = Workload(phase="training", batch_size=8, input_shape=(8, 3, 224, 224), threads=2)
OTHER = {
    "device": "cuda:1",
    "phase": "inference",
    "batch_size": 16,
    "input_shape": (8, 3, 299, 224),
    "dtype": "bfloat16",
    "memory_format": "channels_last",
    "threads": 1,
    "runtime": "compile",
    "optimizer": "sgd",
    "quantize": "int8",
    "micro_batch_size": 4,
    "world_size": 2,
    "cudnn_benchmark": False,
}
"""Another value of each field; a new field needs one here."""
FIELDS = pytest.mark.parametrize("field", OTHER)
RATIO = Ratio(estimate=1.05, ci_low=1.04, ci_high=1.06, method="m", scope="process", processes=6, blocks=48)
PAIR = Pair(baseline=ModelSpec(model="resnet50"), candidate=ModelSpec(model="resnet50", variant="se"))


def changed(field):
    if field == "batch_size":  # it is the first dimension of the input, too
        return replace(USUAL, batch_size=16, input_shape=(16, 3, 224, 224))
    return replace(USUAL, **{field: OTHER[field]})


def comparison(workload):
    side = Quantity(value=0.05, q1=0.04, q3=0.06, n=9)
    latency = MetricComparison(
        metric="latency",
        unit="s",
        exact=False,
        workload=workload,
        baseline=side,
        candidate=side,
        difference=Interval(estimate=0.0),
        ratio=RATIO,
        grade="B",
    )
    return Comparison(model="resnet50", baseline="plain", candidate="se", metrics=(latency,))


def gate(workload):
    check = Check(
        kind="ceiling",
        model="resnet50",
        baseline="plain",
        candidate="se",
        metric="latency",
        exact=False,
        workload=workload,
        limit=1.1,
        ratio=RATIO,
        grade="B",
        status="passed",
        reason=Reason(code="within", message="within"),
    )
    return Gate(status="passed", checks=(check,))


def listing(*workloads):
    def listed(workload):
        summary = ResultSummary(
            id="20260101T000000Z-a",
            created_at="2026-01-01T00:00:00+00:00",
            sebench="0.1.0",
            pair=PAIR,
            workloads=(workload,),
            fingerprint="f",
        )
        latency = LatencySummary(
            workload=workload, baseline_s=0.05, candidate_s=0.0525, ratio=RATIO, grade="B"
        )
        return ListedResult(summary=summary, latency=(latency,))

    return ResultListing(directory="results", results=tuple(map(listed, workloads)))


DOCUMENTS = {
    "comparison": lambda workload: comparison_document([comparison(workload)]),
    "gate": lambda workload: gate_document(gate(workload)),
    "results": lambda workload: results_document(listing(workload)),
}
JSON = {
    "comparison": lambda workload: comparison_json([comparison(workload)], None),
    "gate": lambda workload: gate_json(gate(workload), None),
    "results": lambda workload: results_json(listing(workload)),
}
COMMANDS = get_command(app).commands
DOCUMENTATION = (Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
MEASURING, FILTERING = ("compare", "calibrate", "check", "profile"), ("trend", "list")
ASKED = pytest.mark.parametrize("option", ASKED_OPTIONS, ids=lambda option: option.parameter)


def csv_row(document):
    (row,) = csv.DictReader(io.StringIO(render(document, "csv")))
    return row


def test_the_catalogue_has_every_field_with_its_default():
    names = {field.name for field in fields(Workload)}
    assert {option.field for option in WORKLOAD_OPTIONS} == set(OTHER) == names - {"execution"}
    plain = Workload(input_shape=(1, 3, 224, 224))
    usual = {o.field: o.usual for o in WORKLOAD_OPTIONS if o.usual is not NODEFAULT}
    assert usual == {field: getattr(plain, field) for field in usual}
    defaults = {o.field: o.default for o in ASKED_OPTIONS if o.usual is not NODEFAULT}
    assert defaults == {field: usual[field] for field in defaults}
    # What is left out of a title has to be what everybody expects.
    assert {o.field for o in WORKLOAD_OPTIONS if not o.always} <= set(usual)


@FIELDS
@pytest.mark.parametrize("kind", DOCUMENTS)
def test_csv_has_a_column_for_every_field(kind, field):
    usual, other = (csv_row(DOCUMENTS[kind](workload)) for workload in (USUAL, changed(field)))
    assert usual[field] != other[field]
    assert other[field] == ("8x3x299x224" if field == "input_shape" else str(OTHER[field]))


@FIELDS
@pytest.mark.parametrize("kind", JSON)
def test_json_has_every_field(kind, field):
    (found,) = workloads_of(json.loads(JSON[kind](changed(field))))
    assert found[field] == (list(OTHER[field]) if field == "input_shape" else OTHER[field])
    assert found["execution"] == found["runtime"]


def workloads_of(document):
    """All workloads in a document, wherever they stand."""
    if isinstance(document, list):
        return [found for item in document for found in workloads_of(item)]
    if not isinstance(document, dict):
        return []
    if "workload" in document:
        return [document["workload"]]
    return workloads_of(list(document.values()))


@FIELDS
def test_figures_under_different_workloads_are_kept_apart(field):
    result = samples.result(())
    readings = [
        Reading(result, comparison(workload).metrics[0]).conditions for workload in (USUAL, changed(field))
    ]
    assert readings[0] != readings[1]
    assert dict(readings[1])[field] == OTHER[field]
    paths = {Calibrations(Path()).path("f", PAIR.candidate, workload) for workload in (USUAL, changed(field))}
    assert len(paths) == 2


@FIELDS
def test_titles_and_names_of_series_tell_every_field_apart(field):
    usual, other = USUAL, changed(field)
    assert workload_name(usual) != workload_name(other)
    title, another = (workload_text(workload, {workload.input_shape}) for workload in (usual, other))
    assert title != another


@FIELDS
def test_the_list_of_results_shows_what_differs(field):
    usual, other = USUAL, changed(field)
    alone = render(results_document(listing(usual)), "markdown")
    assert "compile" not in alone
    both = render(results_document(listing(usual, other)), "markdown").splitlines()
    first, second = (line for line in both if "20260101T" in line or "2026-01-01" in line)
    assert first != second


@FIELDS
def test_what_is_unusual_is_said_in_sentences_and_summaries(field):
    (option,) = (option for option in WORKLOAD_OPTIONS if option.field == field)
    usual, other = USUAL, changed(field)
    if option.usual is not NODEFAULT or field in ("device", "phase", "batch_size"):
        assert place_text(usual) != place_text(other)
        assert _summary_place(usual) != _summary_place(other)


@FIELDS
def test_the_stored_command_sets_what_an_option_sets(field):
    (option,) = (option for option in WORKLOAD_OPTIONS if option.field == field)
    usual, other = (command(workload) for workload in (USUAL, changed(field)))
    assert (usual != other) == (option.option is not None)
    if option.option is not None:
        assert option.option in other


def command(workload):
    session = Session(pair=PAIR, workload=workload)
    return equivalent_command(samples.plan(session, policy=TimingPolicy(), seed=1))


@FIELDS
def test_pairs_under_different_workloads_have_tables_of_their_own(field):
    document = comparison_document([comparison(USUAL), comparison(changed(field))])
    # Pairs of another image size share a table, where each says its own.
    assert len(document.tables) == (1 if field == "input_shape" else 2)


def test_words():
    odd = replace(
        USUAL, dtype="bfloat16", runtime="compile", optimizer="sgd", world_size=2, micro_batch_size=4
    )
    assert workload_text(odd, {odd.input_shape}) == (
        "CPU training, batch 8, 224x224, bfloat16, 2 threads per rank, compile, with sgd, emulated by 4, "
        "world size 2"
    )
    assert place_text(odd) == (
        "on this CPU in training at batch 8 (bfloat16, compile, with sgd, emulated by 4, world size 2)"
    )
    assert unusual_words(USUAL) == ()
    assert workload_values(None) == (None,) * len(WORKLOAD_COLUMNS)


def test_the_columns_of_a_csv_never_move():
    header = render(results_document(listing(USUAL)), "csv").splitlines()[0].split(",")
    assert header[-4:] == ["world_size", "cudnn_benchmark", "runtime", "quantize"]
    # Earlier names stay where they were until 1.0.
    assert (
        WORKLOAD_COLUMNS
        == tuple(COLUMN_OPTIONS)
        == (
            *(
                "device",
                "phase",
                "batch_size",
                "input_shape",
                "dtype",
                "memory_format",
                "threads",
                "execution",
            ),
            *("optimizer", "micro_batch_size", "world_size", "cudnn_benchmark", "runtime", "quantize"),
        )
    )
    assert header[header.index("interrupted") + 1 :][:8] == [
        *("input_shape", "memory_format", "threads", "execution", "optimizer", "micro_batch_size"),
        *("baseline_s", "candidate_s"),
    ]


# --- saying them ----------------------------------------------------------------------------------------


def parameter(command, option):
    """Of a command, the parameter with the name and spelling of `option`."""
    (found,) = (each for each in COMMANDS[command].params if each.name == option.parameter)
    assert option.option in found.opts
    assert (option.short is None) or option.short in found.opts
    return found


def request(option):
    return WorkloadRequest(**{option.parameter: asked(option)})


def asked(option):
    """Another value than usual, as it is said."""
    if option is SHAPE_OPTION:
        return "8x3x299x224"
    return "299x224" if option.field == "input_shape" else OTHER[option.field]


def test_everything_that_can_be_said_is_in_the_catalogue():
    assert [option.parameter for option in ASKED_OPTIONS] == [field.name for field in fields(WorkloadRequest)]
    for option in ASKED_OPTIONS:
        assert option.noun
        assert option.help.endswith(".")


@ASKED
@pytest.mark.parametrize("command", MEASURING)
def test_commands_that_measure_take_every_option_that_they_can_mean(command, option):
    if command == "profile" and not option.by_part:
        assert option.parameter not in {each.name for each in COMMANDS[command].params}
        return
    found = parameter(command, option)
    if option.field == "phase":
        assert found.default == ("inference" if command in ("calibrate", "profile") else None)
        return
    repeatable = " Repeatable." if (command, option.parameter) in SEVERAL else ""
    assert found.help == option.help + repeatable
    if (command, option.field) in SEVERAL:
        (kind,) = get_args(found.type_descriptor.annotation)
        assert ([*found.default], [*kind]) == ([option.default], [*option.choices])
        return
    # What is not said is left to the configuration by `check`, which takes the same defaults in the end.
    assert found.default == (None if command == "check" else option.default)
    annotation = found.type_descriptor.annotation
    assert (get_args(annotation) if option.choices else annotation) == (option.choices or option.kind)


@ASKED
@pytest.mark.parametrize("command", FILTERING)
def test_commands_that_choose_results_filter_by_every_option(command, option):
    found = parameter(command, option)
    assert found.default is None
    assert found.help.startswith("Only results ")


@ASKED
@pytest.mark.parametrize("command", [*MEASURING, *FILTERING])
def test_former_names_are_understood_and_not_shown(command, option):
    if command == "profile" and not option.by_part:
        return
    context = COMMANDS[command].make_context
    for former in option.former:
        parsed = COMMANDS[command].make_parser(context("x", [], resilient_parsing=True, **NAMES))
        values, _, _ = parsed.parse_args([f"--{former}", str(asked(option))])
        assert values[option.parameter] in (asked(option), [asked(option)])
        assert f"--{former}" not in parameter(command, option).opts


SEVERAL = {("compare", "runtime")}
"""Options that may be given several times."""
NAMES = {"token_normalize_func": get_command(app).context_settings["token_normalize_func"]}


@ASKED
def test_the_library_has_the_same_defaults_as_the_command_line(option):
    found = inspect.signature(sebench.compare).parameters[option.parameter].default
    # Left to the network, which may be a file that only some runtimes read.
    found = option.default if (option.parameter, found) == ("runtime", None) else found
    assert found == option.default
    shown = parameter("compare", option).default
    assert shown in (found, [found])
    assert f"        {option.parameter}: " in inspect.getdoc(sebench.compare).replace("\n", "\n    ")


@ASKED
def test_files_have_a_key_for_every_option(option, tmp_path):
    key = option.parameter.replace("_", "-")
    value = json.dumps("cuda" if option.field == "device" else asked(option))
    for name in (key, *option.former):
        text = f"[[check.ceiling]]\nmodel = 'm'\nmax-overhead = {{ latency = 1.1 }}\n{name} = {value}\n"
        (tmp_path / "sebench.toml").write_text(text)
        (found,) = load_configuration(tmp_path).check.ceiling
        assert getattr(found, option.parameter) == tomllib.loads(text)["check"]["ceiling"][0][name]
    assert all(
        option.parameter in kind.__struct_fields__
        for kind in (CeilingSettings, FactoriesSettings, BaseRefSettings)
    )


@ASKED
def test_a_gate_measures_what_the_command_line_says(option):
    said = dict.fromkeys(("baseline", "candidate", "base_ref"))
    nothing = dict.fromkeys(("variants", "against", "margin"), ())
    (found,) = settings_of(
        Asked(models=["m"], max_overhead=["latency:1.1"], workload=request(option), **said, **nothing)
    ).ceiling
    assert getattr(found, option.parameter) == asked(option)


@ASKED
def test_what_is_said_is_planned(option):
    # Several ranks and optimizers are for training, as is everything that may go with it; runtimes that
    # quantize are for inference.
    said = {"phase": "training", "batch_size": 8, option.parameter: asked(option)}
    if option.field == "quantize":
        said |= {"phase": "inference", "runtime": "onnxruntime"}
    (planned,) = workloads(WorkloadRequest(**said), (3, 299, 224))
    if option.field == "input_shape":  # of the network, unless it is said in full
        assert planned.input_shape == (8, 3, 299, 224)
    else:
        assert getattr(planned, option.field) == OTHER[option.field]


@ASKED
def test_the_store_and_trends_filter_by_every_option(option):
    (usual,), (other,) = (
        [each.summary for each in listing(workload).results] for workload in (USUAL, changed(option.field))
    )
    (criterion,) = criteria(workload=request(option))
    assert (criterion.holds(usual), criterion.holds(other)) == (False, True)
    assert option.noun in criterion.text
    assert (allows(request(option), USUAL), allows(request(option), changed(option.field))) == (False, True)
    assert criteria(workload=NOTHING_SAID) == ()
    assert allows(NOTHING_SAID, changed(option.field))


@ASKED
def test_the_documentation_names_every_option(option):
    key = option.parameter.replace("_", "-")
    row = next(line for line in DOCUMENTATION.splitlines() if line.startswith(f"| `{option.option}` |"))
    assert f"| `{option.parameter}` | `{key}` |" in row
    if option.default is not None:
        assert row.endswith(f"| `{option.default}` |")
    for choice in option.choices:
        assert f"`{choice}`" in row
