"""Samples of earlier invocations: found again for the same question only."""

from pathlib import Path

import pytest
from msgspec import structs

from sebench.errors import DataFileError
from sebench.runner.gate.earlier import AttemptStore, attempt_key
from sebench.schema import ModelSpec, Pair, Session, Workload
from tests import samples
from tests.repositories import commit, repository, write
from tests.samples import block, process

OWN = Session(
    pair=Pair(
        baseline=ModelSpec(model="nets.py:net", commit="1" * 40), candidate=ModelSpec(model="nets.py:net")
    ),
    workload=Workload(input_shape=(1, 3, 8, 8)),
)
NATIVE = Session(
    pair=Pair(baseline=ModelSpec(model="resnet50"), candidate=ModelSpec(model="resnet50", variant="se")),
    workload=OWN.workload,
)


@pytest.fixture
def repo(tmp_path, monkeypatch):
    repo = repository(tmp_path / "repo", {"nets.py": "a = 1\n"})
    monkeypatch.chdir(repo)
    return repo


def key(session=OWN, environment=samples.ENVIRONMENT, written=()):
    return attempt_key(session, environment, written=written)


def test_the_same_question_has_the_same_key(repo):
    # What measuring leaves behind is no code.
    own = (Path("sebench.xml"), repo / "kept")
    before = key(written=own)
    write(repo, {"sebench.xml": "<a/>", ".sebench/attempts/x.json": "{}", "__pycache__/nets.pyc": "x"})
    write(repo, {"kept/calibrations/x.json": "{}"})
    assert key(written=own) == before
    write(repo, {"other.xml": "<a/>"})
    assert key(written=own) != before


def test_whatever_changes_the_answer_changes_the_key(repo):
    environment = samples.ENVIRONMENT
    cpu = structs.replace(environment, cpu={"model": "Another CPU", "usable_cores": 2})
    torch = structs.replace(environment, versions={**environment.versions, "torch": "2.12.0"})
    package = structs.replace(environment, versions={**environment.versions, "numpy": "9.0"})
    batch = structs.replace(OWN, workload=Workload(input_shape=(2, 3, 8, 8), batch_size=2))
    base = structs.replace(
        OWN, pair=structs.replace(OWN.pair, baseline=ModelSpec(model="nets.py:net", commit="2" * 40))
    )
    keys = [
        key(),
        key(NATIVE),
        key(batch),
        key(base),
        key(environment=cpu),
        key(environment=torch),
        key(environment=package),
    ]
    write(repo, {"nets.py": "a = 2\n"})
    keys.append(key())
    commit(repo)
    keys.append(key())
    assert len(set(keys)) == len(keys)


def test_code_outside_a_repository_cannot_be_told_apart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert key(OWN) is None
    assert key(NATIVE) is not None
    library = ModelSpec(model="torchvision:resnet18")
    assert key(structs.replace(OWN, pair=Pair(baseline=library, candidate=library))) is not None


def result(number, ratio=1.02):
    measured = samples.measurement([process([block(0.05, 0.05 * ratio)] * 2)])
    return samples.result(measured, id=f"2026010{number}T000000Z-net")


def test_attempts_come_back_oldest_first(tmp_path):
    attempts = AttemptStore(tmp_path / "attempts")
    assert attempts.earlier("k") == ()
    first = attempts.begin("k")
    first.add(result(1))
    first.add(result(2))  # the extension
    attempts.begin("k").add(result(3))
    attempts.begin("other").add(result(4))
    attempts.begin("k")  # interrupted before it had anything
    assert [[found.id for found in attempt] for attempt in attempts.earlier("k")] == [
        ["20260101T000000Z-net", "20260102T000000Z-net"],
        ["20260103T000000Z-net"],
    ]


def test_a_damaged_attempt_is_not_left_out_unseen(tmp_path):
    attempts = AttemptStore(tmp_path / "attempts")
    path = attempts.begin("k").add(result(1))
    path.write_text(path.read_text()[:100])
    with pytest.raises(DataFileError, match=f"{path} is damaged"):
        attempts.earlier("k")
