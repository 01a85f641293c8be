"""Another commit checked out beside the user's tree, which stays as it is; states of the code told apart."""

import os
from pathlib import Path

import pytest

from sebench.errors import DataFileError, UsageError
from sebench.runner import worktree
from sebench.runner.worktree import checked_out, repository_root, tree_digest
from tests.repositories import commit, git, repository, state, worktrees, write


@pytest.fixture
def repo(tmp_path):
    return repository(tmp_path / "rep o\u00e9", {"nets.py": "OLD = 1\n", "sub/deep/a.py": "a = 1\n"})


def test_a_ref_is_checked_out_beside_the_users_tree(repo):
    first = git(repo, "rev-parse", "main")
    git(repo, "tag", "v1")
    commit(repo, {"nets.py": "NEW = 1\n"})
    write(repo, {"nets.py": "DIRTY = 1\n", "other.py": "untracked = 1\n"})
    before = state(repo)
    for ref in ("v1", "main~1", first, first[:8]):
        with checked_out(ref, start=repo) as checkout:
            assert checkout.commit == first
            assert checkout.label == f"{ref} ({first[:12]})"
            assert (checkout.directory / "nets.py").read_text() == "OLD = 1\n"
            assert not (checkout.directory / "other.py").exists()
            assert worktrees(repo) == 2
        assert not checkout.directory.exists()
    assert worktrees(repo) == 1
    assert state(repo) == before


def test_the_current_folder_has_its_counterpart(repo):
    with checked_out("main", start=repo / "sub" / "deep") as checkout:
        assert (checkout.directory / "a.py").read_text() == "a = 1\n"
        assert checkout.directory.parts[-2:] == ("sub", "deep")


def test_a_ref_without_the_current_folder_is_refused(repo):
    (repo / "new").mkdir()
    with (
        pytest.raises(UsageError, match="--base-ref main: it has no folder new"),
        checked_out("main", start=repo / "new"),
    ):
        pass
    assert worktrees(repo) == 1


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_nothing_is_left_behind_whatever_happens_inside(repo, error):
    seen = []

    def measure():
        with checked_out("main", start=repo) as checkout:
            (checkout.directory / "written.py").write_text("by the network itself\n")
            seen.append(checkout.directory)
            raise error

    with pytest.raises(error):
        measure()
    assert not seen[0].parent.exists()
    assert worktrees(repo) == 1


def test_a_detached_head_and_a_linked_worktree_will_do(repo, tmp_path):
    git(repo, "checkout", "--quiet", "--detach")
    git(repo, "worktree", "add", "--quiet", "-b", "topic", str(tmp_path / "linked"))
    for start in (repo, tmp_path / "linked"):
        with checked_out("main", start=start) as checkout:
            assert (checkout.directory / "nets.py").exists()
    assert worktrees(repo) == 2


@pytest.mark.parametrize(
    ("ref", "hint"),
    [
        ("nosuch", "`git fetch origin nosuch`, or check out the whole history (fetch-depth: 0)"),
        ("origin/main", "`git fetch origin main`, or check out the whole history (fetch-depth: 0)"),
        ("two words", "`git fetch origin 'two words'`, or check out"),
        ("$(touch x)", "`git fetch origin '$(touch x)'`, or check out"),
        ("--upload-pack=x", "name a branch, a tag or a commit"),
        ("-h", "name a branch, a tag or a commit"),
        ("", "name a branch, a tag or a commit"),
        (" ", "name a branch, a tag or a commit"),
    ],
)
def test_a_ref_that_is_no_commit_is_refused_with_a_way_to_get_it(repo, ref, hint):
    with pytest.raises(UsageError, match="is no commit of ") as caught, checked_out(ref, start=repo):
        pass
    assert caught.value.hint.startswith(hint)
    assert len(str(caught.value).splitlines()) == 1


def test_a_tree_is_no_commit(repo):
    with pytest.raises(UsageError, match="is no commit"), checked_out("main:sub", start=repo):
        pass


def test_a_shallow_clone_lacks_its_past(repo, tmp_path):
    commit(repo, {"nets.py": "NEW = 1\n"})
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{repo}", "shallow")
    with pytest.raises(UsageError, match="fetch-depth: 0"), checked_out("HEAD~1", start=tmp_path / "shallow"):
        pass
    with checked_out("origin/main", start=tmp_path / "shallow") as checkout:
        assert (checkout.directory / "nets.py").read_text() == "NEW = 1\n"


def test_outside_a_working_tree_git_is_quoted(repo, tmp_path):
    with pytest.raises(UsageError, match="has no working tree of git: fatal: not a git repository"):
        repository_root(tmp_path)
    git(tmp_path, "clone", "--quiet", "--bare", str(repo), "bare.git")
    with pytest.raises(UsageError, match="this operation must be run in a work tree"):
        repository_root(tmp_path / "bare.git")


def test_no_git_is_said(repo, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match="git is not installed; install it, or compare two factories"):
        repository_root(repo)
    assert tree_digest(repo) is None


def test_a_repository_of_somebody_else_is_refused_in_gits_words(repo, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(UsageError, match="fatal: detected dubious ownership in repository") as caught:
        repository_root(repo)
    assert len(str(caught.value).splitlines()) == 1


def test_variables_of_hooks_do_not_lead_elsewhere(repo, tmp_path, monkeypatch):
    other = repository(tmp_path / "other", {"nets.py": "ELSEWHERE = 1\n"})
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    assert repository_root(repo) == repo.resolve()
    with checked_out("main", start=repo) as checkout:
        assert (checkout.directory / "nets.py").read_text() == "OLD = 1\n"


def test_hooks_of_the_repository_do_not_run(repo):
    hook = repo / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\ntouch "$(git rev-parse --show-toplevel)/hooked"\n')
    hook.chmod(0o755)
    with checked_out("main", start=repo) as checkout:
        assert not (checkout.directory / "hooked").exists()


def test_git_that_cannot_check_out_is_quoted(repo, monkeypatch):
    real = worktree._git

    def failing(directory, *arguments):
        done = real(directory, *arguments)
        if arguments[:2] == ("worktree", "add"):
            done.returncode, done.stderr = (
                128,
                "Preparing\nfatal: could not create directory: No space left\n",
            )
        return done

    monkeypatch.setattr(worktree, "_git", failing)
    with (
        pytest.raises(DataFileError, match="git cannot check out main: fatal: could not create directory"),
        checked_out("main", start=repo),
    ):
        pass
    assert worktrees(repo) == 1


def test_git_that_hangs_is_given_up(repo, monkeypatch):
    monkeypatch.setattr(worktree, "GIT_TIMEOUT_S", 0.0)
    with pytest.raises(DataFileError, match="git rev-parse took more than 0 s in "):
        repository_root(repo)


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
    monkeypatch.setattr(worktree, "MAX_FILE_BYTES", 4)
    monkeypatch.setattr(worktree, "MAX_HASHED_BYTES", 6)

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
def test_where_git_fails_there_is_no_digest(repo, monkeypatch, command):
    real = worktree._git

    def failing(directory, *arguments):
        done = real(directory, *arguments)
        if arguments[0] == command:
            done.returncode, done.stdout = 128, ""
        return done

    monkeypatch.setattr(worktree, "_git", failing)
    assert tree_digest(repo) is None


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
