"""Every mistake a user can make is one line on stderr with the next step, and the right exit code."""

import json
import re

import pytest
from typer.testing import CliRunner

from sebench.cli import app

NETS = """
import torch
from torch import nn

class NaN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
    def forward(self, x):
        return self.conv(x).mean((1, 2, 3)) * float("nan")

def broken():
    raise RuntimeError("no such weights")

def text():
    return "not a module"

class Shown(nn.Module):
    def forward(self, x):
        return x * float(x.detach().numpy().max())

def plain():
    return nn.Conv2d(3, 4, 3)

class Two(nn.Module):
    def forward(self, x, y):
        return x + y

class Fixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3 * 32 * 32, 10)
    def forward(self, x):
        return self.fc(x.flatten(1))
"""


def sebench(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def nets(tmp_path):
    path = tmp_path / "nets.py"
    path.write_text(NETS)
    return path


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("-m resnet5", 2, "unknown model 'resnet5'; did you mean 'resnet50'"),
        (
            "-m resnet18",
            2,
            "unknown model 'resnet18'; did you mean 'torchvision:resnet18' or 'timm:resnet18'?",
        ),
        ("-m torchvision:senet154", 2, "did you mean 'senet154'"),
        ("-m banana", 2, "unknown model 'banana'; run `sebench list` to see all"),
        ("-m resnet50 -v es", 2, "unknown attention 'es'; did you mean 'ese'?"),
        ("-m resnet50 -v se(sqeeze=max)", 2, "unknown option 'sqeeze'; did you mean 'squeeze'?"),
        ("-m resnet50 -v se(squeeze=maxx)", 2, "unknown squeeze value 'maxx'; did you mean 'max'"),
        ("-m resnet50 -v se(r=0)", 2, "r must be a whole number of at least 1, not '0'"),
        ("-m resnet50 -v se(r=-4)", 2, "r must be a whole number of at least 1, not '-4'"),
        ("-m resnet50 -v se(r=2.5)", 2, "r must be a whole number of at least 1, not '2.5'"),
        ("-m resnet50 -v se(r=2049)", 2, "the widest has 2048 channels.*h = 1"),
        ("-m resnet50 -v se(stages=2-9)", 2, "has no stage 6-9; its stages are 2-5"),
        ("-m vgg16_bn -v se(position=pre)", 2, "vgg16_bn has no position 'pre'; it has standard"),
        ("-m vgg16_bn --stride-in 3x3", 2, "stride-in does not apply to vgg16_bn; it applies to resnet50"),
        ("-m resnet50 --num-classes 0", 2, "number of classes 0 is not positive"),
        ("-m resnet50 --batch-size 0", 2, "--batch-size 0 is not positive"),
        ("-m resnet50 --batch-size -1", 2, "--batch-size -1 is not positive"),
        (
            f"-m resnet50 --batch-size {10**20}",
            2,
            "--batch-size is more than 2147483648",
        ),
        ("-m resnet50 --image-size 0", 2, "image size 0 is not positive"),
        ("-m resnet50 --image-size -224", 2, "image size -224 is not positive"),
        ("-m resnet50 --image-size 8", 2, "image size 8 is too small for resnet50; use at least 32"),
        ("-m vgg16_bn --image-size 8", 2, "image size 8 is too small for vgg16_bn; use at least 32"),
        ("-m torchvision:resnet5 -v plain", 2, "unknown model 'torchvision:resnet5'; did you mean"),
        ("-m torchvision:resnet18 -v se(position=pre)", 2, "position is for sebench's own networks"),
        ("-m resnet50 -v asis", 2, "resnet50 is sebench's own, there is no other author's"),
        ("-m no_such_package.nets:net -v plain", 2, "No module named 'no_such_package'"),
        ("-m gone.py:net -v plain", 2, "there is no file gone.py"),
    ],
)
@pytest.mark.parametrize("command", ["compare", "count"])
def test_names_and_numbers_that_cannot_be_meant(command, arguments, code, message):
    result = sebench(command, *arguments.split())
    assert result.exit_code == code
    assert re.search(message, result.stderr)
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("--device cuda", 1, "torch .* sees no CUDA device here; use --device cpu"),
        ("--device gpu", 2, "--device 'gpu' is not a device; use auto, cpu, cuda or cuda:N"),
        ("--threads 0", 2, "--threads 0 is not positive"),
        ("--budget 0", 2, "--budget 0 is not a positive number of seconds"),
        ("--budget nan", 2, "--budget nan is not a positive number of seconds"),
        ("--dtype tf32", 2, "--dtype tf32 exists on CUDA devices only; use --dtype float32"),
        (
            "--runtime cudagraph",
            2,
            "--runtime cudagraph exists on CUDA devices only, not on cpu; use --runtime eager",
        ),
        ("--optimizer sgd", 2, "--optimizer sgd needs a training step; add --phase training"),
        ("--phase training --batch-size 0", 2, "--batch-size 0 is not positive"),
        (
            "--batch-size 10000000",
            1,
            r"batch 10000000 of resnet50 \(inference\) needs at least .* TiB of memory, .* available; choose",
        ),
        (
            "--phase training --batch-size 10000000",
            1,
            r"resnet50 \(training\) needs at least .* TiB of memory",
        ),
        ("--phase training --world-size 0", 2, "--world-size 0 is not positive"),
        ("--phase inference --world-size 2", 2, "--world-size 2 needs a training step; add --phase training"),
        (
            "--phase training --world-size 2 -b 7",
            2,
            "--batch-size 7 cannot be split evenly .* use --batch-size 6",
        ),
        ("--phase training --world-size 9999 -b 9999", 1, r"--world-size 9999: this process may use \d+ CPU"),
        (
            "--phase training --world-size 2 --runtime cudagraph",
            2,
            "--runtime cudagraph exists on CUDA devices only",
        ),
    ],
)
def test_workloads_that_cannot_be_measured(arguments, code, message):
    result = sebench("compare", "--model", "resnet50", *arguments.split())
    assert result.exit_code == code
    assert re.search(message, result.stderr)
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "nothing to compare; name at least one --model, or two networks: --baseline FILE.py:old"),
        (
            "--baseline nets.py:Fixed",
            "nothing to compare; --baseline nets.py:Fixed is compared with --candidate",
        ),
        ("-m alexnet --baseline a.py:b --candidate c.py:d", "are networks already; leave --model out"),
        ("-m alexnet -v se --candidate se", "--variant se and --candidate se both say what to measure"),
        (
            "--baseline a.py:b --candidate c.py:d --stride-in 1x1",
            "is built by its own factory: no --stride-in",
        ),
    ],
)
def test_pairs_that_cannot_be_meant(arguments, message):
    result = sebench("compare", *arguments.split())
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["compare", "profile"])
def test_an_unknown_number_format_is_wrong_usage_and_names_the_choices(command):
    result = sebench(command, "-m", "resnet50", "--dtype", "int8")
    assert (result.exit_code, result.stdout) == (2, "")
    (message,) = result.stderr.splitlines()
    assert re.search(
        "invalid value for '--dtype': .*'int8' is not one of 'float32', 'tf32', 'bfloat16', 'float16', "
        "'amp-bfloat16'",
        message,
    )


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("--device cuda", 1, "torch .* sees no CUDA device here; use --device cpu"),
        ("--dtype tf32 --device cpu", 2, "--dtype tf32 exists on CUDA devices only; use --dtype float32"),
        ("-b 10000000", 1, "batch 10000000 of resnet50 .* needs at least .* TiB of memory"),
        ("-b 0", 2, "--batch-size 0 is not positive"),
        ("--plot profile.pdf", 2, "--plot draws no 'pdf'; name a file in svg or png"),
    ],
)
def test_profiles_that_cannot_be_taken(arguments, code, message):
    result = sebench("profile", "-m", "resnet50", *arguments.split())
    assert (result.exit_code, result.stdout) == (code, "")
    assert re.search(message, result.stderr)
    assert len(result.stderr.splitlines()) == 1


def test_counting_does_not_know_what_autocast_casts():
    result = sebench("count", "-m", "resnet50", "--dtype", "amp-bfloat16")
    assert result.exit_code == 2
    said = "'amp-bfloat16' is not one of 'float32', 'tf32', 'bfloat16', 'float16'"
    assert said in result.stderr.splitlines()[-1]


def test_any_batch_can_be_counted():
    result = sebench("count", "-m", "resnet50", "-b", "10000000", "-v", "plain", "--format", "json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["models"][0]["macs"] == 3_857_973_248 * 10_000_000


@pytest.mark.parametrize("command", ["compare", "count"])
def test_output_paths_are_checked_before_anything_is_done(command, tmp_path):
    result = sebench(command, "-m", "resnet50", "-o", tmp_path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"cannot write {tmp_path}: it is a directory; name a file" in result.stderr
    blocked = tmp_path / "file"
    blocked.write_text("mine")
    result = sebench(command, "-m", "resnet50", "-o", blocked / "out.json")
    assert result.exit_code == 1
    assert "Not a directory" in result.stderr
    assert blocked.read_text() == "mine"


def test_a_results_directory_that_cannot_be_written_is_refused_first(tmp_path):
    (tmp_path / "file").write_text("")
    result = sebench("compare", "-m", "resnet50", "--save", tmp_path / "file" / "results")
    assert result.exit_code == 1
    assert "cannot write" in result.stderr


def test_a_full_disk_is_one_line():
    result = sebench("count", "-m", "cifar_resnet110", "-o", "/dev/full")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "sebench: error: cannot write /dev/full: No space left on device; "
        "choose another path or free some space\n"
    )


@pytest.mark.parametrize("columns", ["", "0", "-5", "wide"])
def test_a_width_that_is_none_is_passed_over(monkeypatch, columns):
    monkeypatch.delenv("COLUMNS", raising=False)
    usual = sebench("list", "models").stdout
    monkeypatch.setenv("COLUMNS", columns)
    assert sebench("list", "models").stdout == usual


@pytest.mark.parametrize(
    ("name", "message"),
    [
        # the place once
        ("broken", r"nets.py:broken cannot be built: RuntimeError: no such weights \([^ ]*nets.py:\d+\)\n$"),
        ("text", "nets.py:text returned str, not a torch.nn.Module"),
        (
            "Fixed",
            r"Fixed \(in 'fc'\) does not accept one tensor \(N, 3, H, W\) = \(1, 3, 224, 224\): .* and ",
        ),
        ("Fixed", r"choose another --image-size or --input-shape\n$"),
        (
            "Two",
            r"Two takes more than one input \('y' is missing\), but is given one tensor .*; write a fun",
        ),
    ],
)
def test_a_network_of_the_users_own_that_cannot_be_counted(nets, name, message):
    result = sebench("count", "-m", f"{nets}:{name}", "-v", "plain")
    assert result.exit_code == 1
    assert re.search(message, result.stderr)
    assert len(result.stderr.splitlines()) == 1


def test_a_misspelt_factory_is_matched(nets):
    result = sebench("count", "-m", f"{nets}:Fixd", "-v", "plain")
    assert result.exit_code == 2
    assert "has no function 'Fixd'; did you mean 'Fixed'" in result.stderr


def test_a_network_that_returns_nan_is_reported_and_the_counts_remain(nets, tmp_path):
    result = sebench(
        *f"compare -m {nets}:NaN -v plain --effort quick --no-save --image-size 32 --format json".split()
    )
    assert result.exit_code == 1
    assert "NaN plain: no latency" in result.stderr
    assert "returned NaN or infinity in 1 of 1 outputs" in result.stderr
    metrics = {m["metric"]: m for m in json.loads(result.stdout)["comparisons"][0]["metrics"]}
    assert metrics["params"]["baseline"]["value"] == 4 * 3 * 9 + 4
    assert metrics["latency"]["status"] == "unavailable"
    assert metrics["latency"]["ratio"]["estimate"] is None


@pytest.mark.slow
@pytest.mark.usefixtures("fewest_blocks_measured")
def test_a_network_that_cannot_be_counted_is_timed_and_the_reason_is_said(nets):
    arguments = f"compare --baseline {nets}:Shown --candidate {nets}:plain --image-size 16 --effort quick"
    result = sebench(*arguments.split(), "--threads", "1", "--no-save", "--format", "json")
    assert result.exit_code == 0, result.stderr
    (warning,) = [line for line in result.stderr.splitlines() if "not counted" in line]
    assert re.search(r"^warning: .*: not counted: Shown leaves torch with .numpy\(\).*nets.py:\d+", warning)
    metrics = {m["metric"]: m for m in json.loads(result.stdout)["comparisons"][0]["metrics"]}
    params = metrics["params"]
    assert (params["status"], params["baseline"]["value"], params["candidate"]["value"]) == (
        "unavailable",
        None,
        112,
    )
    assert params["reason"].startswith("Shown leaves torch with .numpy()")
    assert metrics["latency"]["status"] == "ok"
    assert metrics["latency"]["ratio"]["estimate"] > 0


def test_a_budget_that_covers_nothing_is_one_error_and_the_counts_remain(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = sebench("compare", "-m", "cifar_resnet110", "--budget", "0.001", "--format", "json")
    assert result.exit_code == 1
    errors = [line for line in result.stderr.splitlines() if "error" in line]
    assert len(errors) == 1
    assert errors[0].startswith("sebench: error: cifar_resnet110 se: no latency: ")
    assert "allow " in errors[0]
    (comparison,) = json.loads(result.stdout)["comparisons"]
    found = {metric["metric"]: metric["status"] for metric in comparison["metrics"]}
    assert (found["params"], found["latency"]) == ("ok", "unavailable")


def test_h_of_one_is_allowed():
    result = sebench("count", "-m", "cifar_resnet110", "-v", "se(r=64)", "--format", "json")
    assert result.exit_code == 0
    (model,) = json.loads(result.stdout)["models"]
    assert model["variant"] == "se(r=64)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("compar", "no such command 'compar'. Did you mean 'compare'?; see `sebench --help`"),
        ("count", "missing option '--model' / '-m'; see `sebench count --help`"),
        ("compare -m", "option '-m' requires an argument; see `sebench --help`"),
        (
            "count -m resnet50 --varient se",
            "no such option: --varient (Possible options: ",
        ),
        ("count -m resnet50 --format jsn", "'html'; did you mean 'json'?"),
        ("count -m resnet50 se", "got unexpected extra argument(s) (se); see `sebench count --help`"),
        ("count resnet50", "got unexpected extra argument(s) (resnet50); did you mean -m resnet50?"),
        ("compare resnet5", "unexpected extra argument(s) (resnet5); did you mean -m resnet5?"),
        ("check torchvision:resnet18 --max-overhead latency:1.1", "did you mean -m torchvision:resnet18?"),
        ("lock nets.py:net", "did you mean -m nets.py:net?"),
        ("report somewhere resnet50 --nonsense", "no such option: --nonsense"),
        ("count -m resnet50 -b 1 -b 8", "--batch-size is given 2 times but takes one value; see"),
        ("count -m alexnet --cache --no-cache", "--cache is given 2 times"),
        ("compare -m resnet50 --device cpu -b 1 --device cuda", "--device is given 2 times"),
        (
            "count -m resnet50 -b 1.5",
            "'--batch-size' / '-b': '1.5' is not a whole number; see `sebench count --help`",
        ),
        (
            "compare -m resnet50 --threads two",
            "invalid value for '--threads': 'two' is not a whole number; see",
        ),
        ("compare -m resnet50 --budget soon", "invalid value for '--budget': 'soon' is not a number; see"),
    ],
)
def test_what_the_parser_refuses_is_one_line_too(arguments, message):
    result = sebench(*arguments.split())
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("sebench: error: ")
    assert message in line
    assert "Value error" not in line
    assert "Input should be" not in line


def test_without_a_command_there_is_help():
    result = sebench()
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Usage: sebench [OPTIONS] COMMAND" in result.stderr
    assert sebench("compare").exit_code == 2
