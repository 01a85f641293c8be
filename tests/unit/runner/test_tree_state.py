"""States of the code told apart, and the tree at hand from a commit, whatever git was told not to see."""

import os
from pathlib import Path

import pytest

from sebench.runner.repository import tree_state
from sebench.runner.repository.tree_state import is_this_tree, tree_digest
from sebench.runner.repository.worktree import checked_out
from tests.repositories import commit, git, repository, worktrees, write


@pytest.fixture
def repo(tmp_path):
    return repository(tmp_path / "rep o\u00e9", {"nets.py": "OLD = 1\n", "sub/deep/a.py": "a = 1\n"})


def test_the_digest_is_that_of_the_code(repo):
    clean = tree_digest(repo)
    assert tree_digest(repo / "sub") == clean
    seen = {clean}

    def is_new():
        digest = tree_digest(repo)
        new = digest not in seen
        seen.add(digest)
        return new

    write(repo, {".sebench/a.json": "{}", "sub/__pycache__/nets.pyc": "x"})
    assert not is_new()  # what measuring leaves behind
    write(repo, {"weights.json": "{}"})
    assert is_new()
    write(repo, {"weights.json": "[]"})
    assert is_new()
    write(repo, {"nets.py": "DIRTY = 1\n"})
    assert is_new()
    write(repo, {"nets.py": "DIRTY = 2\n"})
    assert is_new()
    git(repo, "add", "nets.py")
    assert not is_new()  # staged or not, it is the same code
    write(repo, {"new.py": "x = 1\n"})
    assert is_new()
    write(repo, {"new.py": "x = 2\n"})
    assert is_new()
    (repo / "link.py").symlink_to("nowhere.py")
    assert is_new()
    write(repo, {".gitignore": "ignored.py\n"})
    assert is_new()
    write(repo, {"ignored.py": "x = 1\n"})
    assert not is_new()
    commit(repo)
    assert is_new()
    git(repo, "reset", "--quiet", "--hard", "HEAD~1")
    git(repo, "clean", "--quiet", "-fdx")
    assert tree_digest(repo) == clean


def test_what_measuring_itself_writes_is_no_code(repo):
    clean = tree_digest(repo)
    write(repo, {"gate.xml": "<a/>", "out/a.json": "{}"})
    assert tree_digest(repo, written=(Path("gate.xml"), repo / "out")) == clean
    assert tree_digest(repo / "sub", written=(Path("../gate.xml"), repo / "out")) == clean
    assert tree_digest(repo, written=(Path("gate.xml"),)) != clean


def test_what_is_too_large_to_read_is_told_by_its_size(repo, monkeypatch):
    monkeypatch.setattr(tree_state, "MAX_FILE_BYTES", 4)
    monkeypatch.setattr(tree_state, "MAX_HASHED_BYTES", 6)

    def digest(**files):
        write(repo, files)
        return tree_digest(repo)

    assert digest(a="12345") == digest(a="54321")
    assert digest(a="12345") != digest(a="123456")
    assert digest(a="1234") != digest(a="4321")
    # Four of six bytes are read: two are left, and "b" has three.
    assert digest(b="123") == digest(b="321")
    assert digest(b="12") != digest(b="21")


@pytest.mark.parametrize("command", ["diff", "ls-files"])
def test_where_git_fails_there_is_no_digest(repo, failing_git, command):
    assert not is_this_tree("nosuch", repo)
    failing_git(command)
    assert tree_digest(repo) is None
    assert not is_this_tree("main", repo)


def test_the_digest_sees_into_submodules(repo, tmp_path):
    library = repository(tmp_path / "library", {"layers.py": "a = 1\n"})
    git(repo, "submodule", "--quiet", "add", str(library), "library")
    commit(repo)
    clean = tree_digest(repo)
    write(repo, {"library/layers.py": "a = 2\n"})
    dirty = tree_digest(repo)
    write(repo, {"library/layers.py": "a = 3\n"})
    assert len({clean, dirty, tree_digest(repo)}) == 3
    with checked_out("main", start=repo) as checkout:
        assert (checkout.directory / "library").is_dir()
    assert worktrees(repo) == 1


def test_without_a_commit_there_is_no_digest(tmp_path):
    assert tree_digest(tmp_path) is None
    git(tmp_path, "init", "--quiet")
    assert tree_digest(tmp_path) is None


def test_a_touched_file_is_no_change(repo):
    clean = tree_digest(repo)
    os.utime(repo / "nets.py", (1, 1))
    assert tree_digest(repo) == clean


def test_the_tree_of_a_commit_is_told_from_others(repo):
    assert is_this_tree("main", repo)
    assert is_this_tree("main", repo / "sub")
    git(repo, "commit", "--quiet", "--allow-empty", "--message", "nothing")
    assert is_this_tree("main~1", repo)  # another commit, the same files
    commit(repo, {"README.md": "text\n"})
    assert not is_this_tree("main~1", repo)
    assert is_this_tree("main", repo)
    write(repo, {"gate.xml": "<a/>", ".sebench/a.json": "{}", "__pycache__/nets.pyc": "x"})
    assert is_this_tree("main", repo, written=(Path("gate.xml"),))
    assert not is_this_tree("main", repo)
    (repo / "gate.xml").unlink()
    write(repo, {"nets.py": "NEW = 1\n"})
    assert not is_this_tree("main", repo)


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_files_that_git_was_told_not_to_look_at_are_looked_at(repo, flag):
    git(repo, "update-index", flag, "nets.py")
    before = tree_digest(repo)
    assert is_this_tree("main", repo)
    write(repo, {"nets.py": "NEW = 1\n"})
    assert git(repo, "status", "--porcelain") == ""
    assert not is_this_tree("main", repo)
    assert tree_digest(repo) != before


def test_a_submodule_that_is_to_be_ignored_is_not(repo, tmp_path):
    library = repository(tmp_path / "library", {"layers.py": "a = 1\n"})
    git(repo, "submodule", "--quiet", "add", str(library), "library")
    git(repo, "config", "--file", ".gitmodules", "submodule.library.ignore", "all")
    commit(repo)
    assert is_this_tree("main", repo)
    write(repo, {"library/layers.py": "a = 2\n"})
    assert git(repo, "status", "--porcelain") == ""
    assert not is_this_tree("main", repo)
