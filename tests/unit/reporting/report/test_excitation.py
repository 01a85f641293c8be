"""Gates in a report: what files and users have named is no markup, and every figure has a name of its own."""

import pytest

from sebench.reporting.report import ExcitationReport, build_report, render_report, report_document
from sebench.schema import Folded, ModelSpec
from tests.excitations import GATE, excitation, found, moments, replaced
from tests.unit.reporting.charts import HOSTILE


def report(*excited):
    excitations = [
        ExcitationReport(name=f"{HOSTILE} {number}", found=each) for number, each in enumerate(excited)
    ]
    return build_report([], as_published=lambda result: False, excitations=excitations)


def hostile():
    spec = ModelSpec(model=HOSTILE, variant=HOSTILE, weights=HOSTILE)
    gate = replaced(GATE, path=HOSTILE, stage=HOSTILE, fold_into=HOSTILE, no_fold=HOSTILE)
    return found(
        excitation=excitation(
            spec=spec, gates=(gate,), classes=(HOSTILE, "dog", "none"), folder=HOSTILE, constant_below=1.0
        ),
        folded=Folded(file=HOSTILE, spec=spec, gates=(HOSTILE,), images=3, largest=0.0, rms=0.0),
        not_measured=HOSTILE,
    )


@pytest.mark.parametrize("format_", ["table", "markdown", "latex", "csv", "html", "json"])
def test_hostile_names_are_inert_in_every_format(format_):
    text = render_report(report(hostile(), hostile()), format_, file="r.md").text
    if format_ == "html":
        text = text.partition("</style>")[2].partition('<script id="library">')[0]
        assert "<img" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_figures_have_keys_of_their_own():
    gates = (GATE, replaced(GATE, path="stage2_0_attention"))
    both = found(excitation=excitation(gates=gates), moments=(moments(), moments()))
    keys = [figure.key for figure in report_document(report(both, both)).figures]
    assert len(keys) == len(set(keys)) == 2 * (2 + 1)


def test_a_class_share_that_nobody_knows_is_said_to_be_unknown():
    alone = found(moments=(moments(labels=(1, 1, 1)),))
    *_, depth = report_document(report(alone)).figures
    assert depth.description.startswith("Share, from lowest to highest: class share unknown, near 0 0.333")


def test_several_networks_are_all_in_the_title():
    other = found(excitation=excitation(spec=ModelSpec(model="vgg16_bn", variant="se")))
    assert report_document(report(found(), other, other)).title == "Report: gates of resnet50 se, vgg16_bn se"
