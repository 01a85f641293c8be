"""``sebench verify`` as a user runs it."""

import json
import re

import pytest
from typer.testing import CliRunner

from sebench.cli import app

pytestmark = pytest.mark.usefixtures("shared_counts")

HEADER = "source,model,variant,metric,value,note\n"


def verify(*arguments):
    return CliRunner().invoke(app, ["verify", *(str(argument) for argument in arguments)])


def test_the_summary_and_every_figure_as_json():
    document = json.loads(verify("--format", "json").stdout)
    assert (document["schema"], document["kind"]) == ("sebench/1", "verification")
    assert len(document["figures"]) == sum(document["summary"].values()) == 357
    resnet = next(f for f in document["figures"] if f["metric"] == "gflops")
    assert (resnet["published"], resnet["published_text"], resnet["class"]) == (3.86, "3.86", "reproduced")
    assert resnet["computed"] == 3.863492608
    assert all(figure["reason"] for figure in document["figures"])
    assert {f["computed"] for f in document["figures"] if f["class"] == "quoted_only"} == {None}


def test_the_table_leads_with_the_count_of_each_class():
    shown = re.sub(r"\s+", " ", verify("--source", "Table 2", "--metric", "gflops", "-f", "markdown").stdout)
    assert "16 figures: 9 reproduced, 5 within tolerance, 0 contradicted, 2 not reproducible" in shown
    assert "printed to the digit by naive" in shown


def test_markdown_holds_every_row_and_csv_too():
    markdown = verify("--source", "TPAMI Table 16", "--format", "markdown").stdout
    assert markdown.count("\n| ") >= 12  # 12 figures, 6 of them accuracies
    csv = verify("--source", "TPAMI Table 16", "--format", "csv").stdout
    assert len(csv.splitlines()) == 1 + 12


def test_strict_fails_where_the_paper_is_contradicted_only():
    assert verify("--strict", "--source", "Sec.4").exit_code == 3
    assert verify("--strict", "--source", "Table 2").exit_code == 0
    assert verify("--strict", "--source", "secondary").exit_code == 0
    assert verify("--source", "Sec.4").exit_code == 0


def test_the_conventions_matrix():
    document = json.loads(verify("--conventions", "--format", "json").stdout)
    scores = {
        entry["convention"]: [group["reproduced"] for group in entry["groups"]]
        for entry in document["conventions"]
    }
    # Table 2 of 14, Table 3 of 4
    assert {name: found[:2] for name, found in scores.items()} == {
        "macs": [3, 1],
        "paper": [9, 2],
        "naive": [10, 1],
        "se-only": [6, 1],
        "fit-1.5": [12, 2],
        "fit-half": [12, 4],
        "fit-floor": [12, 1],
        "caffe-trunc": [13, 1],
        "netscope": [10, 2],
    }
    assert "paper" in verify("--conventions").stdout


def test_conventions_over_figures_of_ones_own(tmp_path):
    mine = tmp_path / "mine.csv"
    mine.write_bytes(
        b"\xef\xbb\xbf" + HEADER.encode() + b"blog,ResNet-50,plain,gflops,4.1,\nme,resnet50,se,gflops,3.87,\n"
    )
    document = json.loads(verify("--conventions", "--figures", mine, "--format", "json").stdout)
    found = {entry["convention"]: entry["groups"] for entry in document["conventions"]}
    (paper,) = found["paper"]
    assert (paper["group"], paper["reproduced"], paper["figures"]) == ("figures", 1, 2)
    assert paper["max_error"] == pytest.approx(1 - 3.863492608 / 4.1)
    assert "1 of 2" in verify("--conventions", "--figures", mine).stdout
    mine.write_text(HEADER + "me,resnet51,se,gflops,3.87,\n")
    result = verify("--conventions", "--figures", mine)
    assert result.exit_code == 1
    assert "mine.csv line 2: unknown model 'resnet51'" in result.stderr


def test_an_error_of_nothing_is_unknown(tmp_path):
    mine = tmp_path / "mine.csv"
    mine.write_text(HEADER + "me,resnet50,se,params_m,28.1,\n")
    document = json.loads(verify("--conventions", "--figures", mine, "--format", "json").stdout)
    assert document["conventions"][0]["groups"] == [
        {"group": "figures", "reproduced": 0, "figures": 0, "max_error": None, "mean_error": None}
    ]
    shown = verify("--conventions", "--figures", mine).stdout
    assert "0.00 %" not in shown
    assert "there is no figure in GFLOPs or MFLOPs that can be recomputed" in shown


def test_conventions_take_filters():
    document = json.loads(verify("--conventions", "--source", "Table 3", "--format", "json").stdout)
    groups = {group["group"]: group["figures"] for group in document["conventions"][0]["groups"]}
    assert groups == {"Table 2": 0, "Table 3": 4, "ablations": 0, "all": 8}  # both papers have a Table 3


def test_the_authors_own_figures_come_first_and_reasons_are_said_once():
    shown = verify().stdout
    assert "34 contradicted (9 of the authors, 25 of secondary notes)" in " ".join(shown.split())
    own, notes = (shown.index(f"Contradicted: figures of {who}") for who in ("the authors", "secondary"))
    assert own < notes < shown.index("Not reproducible (2)")
    reason = "no cause found (tried: FC biases, other elements counted as parameters, truncation)"
    assert " ".join(shown.split()).count(reason) == 1
    assert verify("--format", "csv").stdout.count(reason) == 9
    document = json.loads(verify("--format", "json").stdout)
    assert document["contradicted_by_origin"] == {"authors": 9, "notes": 25}
    origins = {figure["source"]: figure["origin"] for figure in document["figures"]}
    assert (origins["SENet README"], origins["CVPR18 translated text"]) == ("authors", "notes")


def test_one_figure_of_ones_own_is_nobodys_in_particular(tmp_path):
    mine = tmp_path / "mine.csv"
    mine.write_text(HEADER + "blog,ResNet-50,plain,gflops,4.1,\n")
    result = verify("--figures", mine, "--strict")
    assert result.exit_code == 3
    assert "1 figure: 0 reproduced, 0 within tolerance, 1 contradicted, 0 not" in result.stdout
    assert "\nContradicted (1)\n" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            "--conventions --strict",
            2,
            "--strict cannot be combined with --conventions, which covers all figures",
        ),
        ("--conventions --convention macs", 2, "--convention cannot be combined with --conventions"),
        ("--conventions --class reproduced", 2, "--class cannot be combined with --conventions"),
        ("--metric gflop", 2, "--metric 'gflop' matches no figure; did you mean 'gflops'"),
        ("--model ResNet50", 2, "--model 'ResNet50' matches no figure; did you mean 'ResNet-50'"),
        ("--source NIPS", 2, "--source 'NIPS' matches no figure; there are CVPR18 Table 2"),
        ("--source 5 --class reproduced --metric batch", 2, "--class reproduced: no figure is of this class"),
        ("--convention papr", 2, "unknown convention 'papr'; did you mean 'paper'"),
        ("--figures nowhere.csv", 1, "nowhere.csv: No such file or directory"),
    ],
)
def test_mistakes_are_one_line(arguments, code, message):
    result = verify(*arguments.split())
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_file_of_ones_own(tmp_path):
    mine = tmp_path / "mine.csv"
    mine.write_bytes(
        b"\xef\xbb\xbf" + HEADER.replace("\n", "\r\n").encode() + b"blog,ResNet-50,plain,gflops,4.1,\r\n"
    )
    result = verify("--figures", mine, "--format", "json")
    (figure,) = json.loads(result.stdout)["figures"]
    assert (figure["class"], figure["computed"]) == ("contradicted", 3.863492608)
    assert "stride in the 3x3 convolution: 4.09" in figure["reason"]
    mine.write_text(HEADER + "blog,ResNet-51,plain,gflops,4.1,\n")
    result = verify("--figures", mine)
    assert result.exit_code == 1
    assert result.stderr.startswith(
        f"sebench: error: {mine} line 2: unknown model 'ResNet-51'; did you mean 'ResNet-50'"
    )
    assert len(result.stderr.splitlines()) == 1
