"""Nothing that sets two workloads apart is lost on the way to a reader: every field, in every consumer."""

import csv
import io

import pytest
from msgspec import NODEFAULT
from msgspec.structs import fields, replace

from sebench.api.command import equivalent_command
from sebench.reporting import comparison_document, gate_document, render, results_document
from sebench.reporting.answers import place_text
from sebench.reporting.comparison import workload_text
from sebench.reporting.report.document import _summary_place
from sebench.reporting.series import workload_name
from sebench.schema import (
    WORKLOAD_OPTIONS,
    Check,
    Comparison,
    Gate,
    Headline,
    Interval,
    ListedResult,
    MetricComparison,
    ModelSpec,
    Pair,
    Plan,
    Quantity,
    Ratio,
    Reason,
    ResultListing,
    ResultSummary,
    Session,
    TimingPolicy,
    Workload,
    unusual_words,
    workload_values,
)

USUAL = Workload(phase="training", batch_size=8, input_shape=(8, 3, 224, 224), threads=2)
OTHER = {
    "device": "cuda:1",
    "phase": "inference",
    "batch_size": 16,
    "input_shape": (8, 3, 299, 224),
    "dtype": "bfloat16",
    "memory_format": "channels_last",
    "threads": 1,
    "execution": "compile",
    "optimizer": "sgd",
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
        headline = Headline(workload=workload, baseline_s=0.05, candidate_s=0.0525, ratio=RATIO, grade="B")
        return ListedResult(summary=summary, latency=(headline,))

    return results_document(ResultListing(directory="results", results=tuple(map(listed, workloads))))


DOCUMENTS = {
    "comparison": lambda workload: comparison_document([comparison(workload)]),
    "gate": lambda workload: gate_document(gate(workload)),
    "results": listing,
}


def csv_row(document):
    (row,) = csv.DictReader(io.StringIO(render(document, "csv")))
    return row


def test_the_catalogue_has_every_field_with_its_default():
    defaults = {field.name: field.default for field in fields(Workload)}
    assert {option.field for option in WORKLOAD_OPTIONS} == set(defaults) == set(OTHER)
    usual = {o.field: o.usual for o in WORKLOAD_OPTIONS if o.usual is not NODEFAULT}
    assert usual == {field: defaults[field] for field in usual}
    # What is left out of a title has to be what everybody expects.
    assert {o.field for o in WORKLOAD_OPTIONS if not o.always} <= set(usual)


@FIELDS
@pytest.mark.parametrize("kind", DOCUMENTS)
def test_csv_has_a_column_for_every_field(kind, field):
    usual, other = (csv_row(DOCUMENTS[kind](workload)) for workload in (USUAL, changed(field)))
    assert usual[field] != other[field]
    assert other[field] == ("8x3x299x224" if field == "input_shape" else str(OTHER[field]))


@FIELDS
def test_titles_and_names_of_series_tell_every_field_apart(field):
    usual, other = USUAL, changed(field)
    assert workload_name(usual) != workload_name(other)
    title, another = (workload_text(workload, {workload.input_shape}) for workload in (usual, other))
    assert title != another


@FIELDS
def test_the_list_of_results_shows_what_differs(field):
    usual, other = USUAL, changed(field)
    alone = render(listing(usual), "markdown")
    assert "compile" not in alone
    both = render(listing(usual, other), "markdown").splitlines()
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
    return equivalent_command(Plan(sessions=(session,), policy=TimingPolicy(), seed=1))


@FIELDS
def test_pairs_under_different_workloads_have_tables_of_their_own(field):
    document = comparison_document([comparison(USUAL), comparison(changed(field))])
    # Pairs of another image size share a table, where each says its own.
    assert len(document.tables) == (1 if field == "input_shape" else 2)


def test_words():
    odd = replace(
        USUAL, dtype="bfloat16", execution="compile", optimizer="sgd", world_size=2, micro_batch_size=4
    )
    assert workload_text(odd, {odd.input_shape}) == (
        "CPU training, batch 8, 224x224, bfloat16, 2 threads per rank, compile, with sgd, emulated by 4, "
        "world size 2"
    )
    assert place_text(odd) == (
        "on this CPU in training at batch 8 (bfloat16, compile, with sgd, emulated by 4, world size 2)"
    )
    assert unusual_words(USUAL) == ()
    assert workload_values(None) == (None,) * len(WORKLOAD_OPTIONS)


def test_the_columns_of_a_csv_never_move():
    header = render(listing(USUAL), "csv").splitlines()[0].split(",")
    assert header[-2:] == ["world_size", "cudnn_benchmark"]
    assert header[header.index("interrupted") + 1 :][:8] == [
        *("input_shape", "memory_format", "threads", "execution", "optimizer", "micro_batch_size"),
        *("baseline_s", "candidate_s"),
    ]
