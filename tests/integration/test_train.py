"""``sebench train``: killed and resumed, interrupted, refused; what it leaves is what other commands read."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from sebench import models, surgery
from sebench.schema import ModelSpec
from tests.interpreter import FRESH
from tests.running import assert_gone, children_of, heeding_ctrl_c
from tests.tiny_training import NETWORK, assert_same_state, without_speed, write_data

# 3 classes of 40 images: 30 steps an epoch, of which a killed run has taken some when the first row is there.
TRAIN = "train -m net.py:tiny -v asis --data data --image-size 8 -b 4 --lr 0.1 --device cpu --threads 1"


@pytest.fixture
def folder(tmp_path):
    write_data(tmp_path / "data", train=40, test=4)
    (tmp_path / "net.py").write_text(NETWORK, encoding="utf-8")
    return tmp_path


def started(folder, environ, arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "sebench", *arguments.split()],
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heeding_ctrl_c,  # noqa: PLW1509 - no threads here
    )


def wait_for(path: Path, process):
    deadline = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, f"no {path}"
        time.sleep(0.005)


def test_a_killed_run_resumes_to_the_same_bits(folder, environ, sebench):
    sebench(f"{TRAIN} --epochs 3 -o whole")
    process = started(folder, environ, f"{TRAIN} --epochs 3 --checkpoint-every 1 -o killed")
    wait_for(folder / "killed" / "seed-0" / "checkpoint.pt", process)
    workers = children_of(process.pid)
    process.kill()
    process.communicate()
    for worker in workers:
        assert_gone(worker.pid, within_s=30)
    assert not (folder / "killed" / "seed-0" / "run.json").exists()
    done = sebench("train --resume killed --format json")
    killed, whole = folder / "killed" / "seed-0", folder / "whole" / "seed-0"
    assert_same_state(*(torch.load(each / "asis.pt", weights_only=True) for each in (killed, whole)))
    assert (killed / "predictions.csv").read_text() == (whole / "predictions.csv").read_text()
    # Rows are cut at the same steps whether or not there are checkpoints between them.
    assert without_speed(killed) == without_speed(whole)
    document = json.loads(done.stdout)
    assert (document["kind"], document["variants"], document["recipe"]["epochs"]) == ("training", ["asis"], 3)
    assert document == json.loads((folder / "killed" / "training.json").read_text())
    assert len(document["runs"][0]["sides"][0]["epochs"]) == 3


def test_ctrl_c_leaves_a_checkpoint_and_says_how_to_go_on(folder, environ, sebench):
    process = started(folder, environ, f"{TRAIN} --epochs 500 -o run")
    wait_for(folder / "run" / "seed-0" / "checkpoint.pt", process)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 130
    assert error.splitlines()[-1] == ("sebench: error: interrupted; go on with: sebench train --resume run")
    found = torch.load(folder / "run" / "seed-0" / "checkpoint.pt", weights_only=True)
    assert found["epoch"] >= 1
    (folder / "data" / "val" / "a" / "more.png").write_bytes(b"")
    done = sebench("train --resume run", check=False)
    assert done.returncode == 1
    assert "is of other networks, other data or another recipe; resume with the data" in done.stderr


def test_what_the_job_says_of_weights_is_said_first_and_unreadable_images_last(tmp_path, invoke):
    write_data(tmp_path / "data", train=8, test=4)
    (tmp_path / "data" / "train" / "b" / "003.png").write_bytes(b"no image")
    plain = models.build(ModelSpec(model="cifar_resnet20", num_classes=3)).module
    torch.save(plain.half().state_dict(), tmp_path / "half.pt")
    done = invoke(
        "train -m cifar_resnet20 --data data --image-size 8 -b 8 --epochs 1 -o run --device cpu --threads 1"
        " --weights half.pt --format json"
    )
    assert "of float16" in done.stderr.splitlines()[0]
    assert "half.pt has no attention: that of cifar_resnet20 se" in done.stderr.splitlines()[1]
    assert done.stderr.splitlines()[-1] == (
        "warning: 1 of 36 images cannot be read and are left out, in training for others of their class:"
        " train/b/003.png (cannot identify image file)"
    )
    document = json.loads(done.stdout)
    codes = [each["code"] for each in document["findings"]]
    assert codes == ["checkpoint", "checkpoint", "unreadable-images"]
    bad = {"path": "train/b/003.png", "reason": "cannot identify image file"}
    assert document["data"]["unreadable"] == [bad]
    assert len(json.loads((tmp_path / "run" / "job.json").read_text())["findings"]) == 2


@pytest.mark.slow
def test_native_networks_side_by_side_from_two_seeds(tmp_path, environ, sebench):
    write_data(tmp_path / "data", train=8, test=4)
    done = sebench(
        "train -m cifar_resnet20 -v plain -v se --data data --image-size 8 -b 8 --epochs 1 --seeds 2 -o run"
        " --device cpu --format csv"
    )
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert [(row["seed"], row["variant"], row["epoch"]) for row in rows] == [
        ("0", "plain", "1"), ("0", "se", "1"), ("1", "plain", "1"), ("1", "se", "1"),
    ]  # fmt: skip
    assert "seed 1, epoch 1 of 1: top-1 error plain" in done.stderr
    saved = torch.load(tmp_path / "run" / "seed-1" / "se.pt", weights_only=True)
    spec = ModelSpec(
        model="cifar_resnet20", variant="se", num_classes=3, weights=str(tmp_path / "run/seed-1/se.pt")
    )
    assert_same_state(surgery.build(spec).module.state_dict(), saved)


@pytest.mark.slow
def test_two_ranks_of_torchrun_train_one_network(folder, environ):
    bad = [folder / "data" / name for name in ("train/b/003.png", "val/a/001.png", "val/a/002.png")]
    for path in bad:
        path.write_bytes(b"no image")
    done = subprocess.run(
        [
            *(FRESH, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
            *("-m", "sebench", *TRAIN.split(), "--epochs", "2", "-o", "run", "--format", "json"),
        ],
        cwd=folder,
        env={
            **environ,
            "PYTHONPATH": os.pathsep.join([environ["PYTHONPATH"], str(Path(__file__).parents[2])]),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=170,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    (run,) = document["runs"]
    assert run["sides"][0]["n"] == 12 - 2  # each image once, from both ranks
    unreadable = [image["path"] for image in document["data"]["unreadable"]]
    assert unreadable == [path.relative_to(folder / "data").as_posix() for path in bad]
    rows = list(csv.DictReader((folder / "run" / "seed-0" / "curves.csv").read_text().splitlines()))
    # 30 steps an epoch in rows of 3, each of 3 batches of 4, both ranks together
    assert [row["images"] for row in rows if row["split"] == "train"] == 20 * ["12"]
    assert "epoch 2 of 2: top-1 error asis" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ("train --data digits -o run", 2, "--model is missing"),
        ("train -m cifar_resnet20 -o run", 2, "--data is missing"),
        ("train -m cifar_resnet20 --data digits", 2, "--output is missing"),
        ("train -m cifar_resnet20 -v sq --data digits -o run", 2, "sq"),
        (
            "train -m cifar_resnet20 --data digit -o run",
            2,
            "--data digit: there is no such folder; did you mean 'digits'?",
        ),
        ("train -m cifar_resnet20 --data data/val -o run", 2, "--data data/val has no folder train"),
        ("train --resume run --epochs 3", 2, "--resume and --epochs: a run goes on as it was begun"),
        ("train --resume run", 1, "run holds no training run: there is no job.json in it"),
        ("train -m cifar_resnet20 --data digits -o full", 1, "go on with it: sebench train --resume full"),
        ("train -m cifar_resnet20 --data digits -o data/file", 1, "cannot write data/file"),
    ],
)
def test_what_cannot_be_meant(folder, invoke, arguments, status, said):
    (folder / "full").mkdir()
    (folder / "full" / "job.json").write_text("{}", encoding="utf-8")
    (folder / "data" / "file").write_bytes(b"")
    done = invoke(arguments, check=False)
    assert (done.exit_code, done.stdout) == (status, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
