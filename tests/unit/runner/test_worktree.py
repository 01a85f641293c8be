"""Another commit checked out beside the user's tree, which stays as it is; nothing is left behind."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from sebench.errors import DataFileError, UsageError
from sebench.runner.repository import worktree
from sebench.runner.repository.tree_state import tree_digest
from sebench.runner.repository.worktree import checked_out, repository_root
from tests.interpreter import FRESH
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


def test_a_folder_that_is_new_since_is_empty_at_the_ref(repo):
    (repo / "new").mkdir()
    with checked_out("main", start=repo / "new") as checkout:
        assert list(checkout.directory.iterdir()) == []
        assert (checkout.directory.parent / "nets.py").exists()
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
    with pytest.raises(UsageError, match="is not a commit of ") as caught, checked_out(ref, start=repo):
        pass
    assert caught.value.hint.startswith(hint)
    assert len(str(caught.value).splitlines()) == 1


def test_a_tree_is_no_commit(repo):
    with pytest.raises(UsageError, match="is not a commit"), checked_out("main:sub", start=repo):
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


def test_git_that_cannot_check_out_is_quoted(repo, failing_git):
    failing_git("worktree", "fatal: could not create directory: No space left")
    with (
        pytest.raises(DataFileError, match="git cannot check out main: fatal: could not create directory"),
        checked_out("main", start=repo),
    ):
        pass


def test_git_that_hangs_is_given_up(repo, monkeypatch):
    monkeypatch.setattr(worktree, "GIT_TIMEOUT_S", 0.0)
    with pytest.raises(DataFileError, match="git rev-parse took more than 0 s in "):
        repository_root(repo)


def test_a_replaced_commit_is_not_taken_for_it(repo):
    base = git(repo, "rev-parse", "main")
    other = commit(repo, {"nets.py": "SLOW = 1\n"})
    git(repo, "replace", base, other)
    with checked_out(base, start=repo) as checkout:
        assert (checkout.directory / "nets.py").read_text() == "OLD = 1\n"
    git(repo, "replace", "-d", base)
    # A graft makes another commit the parent.
    third = commit(repo, {"nets.py": "THIRD = 1\n"})
    write(repo / ".git", {"info/grafts": f"{third} {base}\n"})
    with checked_out("main~1", start=repo) as checkout:
        assert (checkout.directory / "nets.py").read_text() == "SLOW = 1\n"


def test_settings_of_another_call_of_git_do_not_lead_elsewhere(repo, tmp_path, monkeypatch):
    other = repository(tmp_path / "other", {"nets.py": "ELSEWHERE = 1\n"})
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", f"'core.worktree'='{other}'")
    monkeypatch.setenv("GIT_REPLACE_REF_BASE", "refs/elsewhere/")
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "false")
    monkeypatch.setenv("GIT_DIFF_OPTS", "-u0")
    assert repository_root(repo) == repo.resolve()
    assert tree_digest(repo) is not None


def test_a_working_tree_elsewhere_is_refused(repo, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    git(repo, "config", "core.worktree", str(tmp_path / "elsewhere"))
    with pytest.raises(UsageError, match="is not in the working tree of its git repository"):
        repository_root(repo)
    assert tree_digest(repo) is None


def test_the_whole_commit_is_checked_out_of_a_sparse_tree(repo):
    git(repo, "sparse-checkout", "set", "--no-cone", "/nets.py")
    assert not (repo / "sub").exists()
    with checked_out("main", start=repo) as checkout:
        assert (checkout.directory / "sub/deep/a.py").exists()
    assert not (repo / "sub").exists()


# What a killed run leaves

CHILD = """
import sys, time
from pathlib import Path
from sebench.runner.repository.worktree import checked_out
with checked_out("main", start=Path(sys.argv[1])) as checkout:
    print(checkout.directory, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def child(repo):
    """A process that holds a checkout, and its folder."""
    process = subprocess.Popen(
        [FRESH, "-c", CHILD, str(repo)], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    yield process, Path(process.stdout.readline().strip())
    process.kill()
    process.communicate()


def test_what_a_killed_run_left_is_removed_by_the_next(repo, child):
    process, folder = child
    with checked_out("main", start=repo):
        assert worktrees(repo) == 3  # that of a run that lives is left alone
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert worktrees(repo) == 2
    assert folder.is_dir()
    with checked_out("main", start=repo):
        assert worktrees(repo) == 2
    assert worktrees(repo) == 1
    assert not folder.parent.exists()


def test_what_a_killed_run_left_is_removed_by_git_once_its_folder_is_gone(repo, child):
    process, folder = child
    process.kill()
    process.wait()
    for each in sorted(folder.parent.rglob("*"), reverse=True):
        each.rmdir() if each.is_dir() else each.unlink()
    folder.parent.rmdir()
    git(repo, "worktree", "prune")
    assert worktrees(repo) == 1


def test_a_checkout_that_was_ended_half_way_leaves_nothing(repo, tmp_path):
    """git locks a worktree until it is complete; neither `remove --force` nor `prune` touch it then."""
    entry = repo / ".git" / "worktrees" / "sebench-base-x"
    folder = tmp_path / "sebench-base-x"
    write(entry, {"gitdir": f"{folder}/sebench-base-x/.git\n", "locked": "initializing"})
    folder.mkdir()
    with checked_out("main", start=repo):
        assert not entry.exists()
        assert not folder.exists()
    assert not entry.parent.exists()
    # Without its folder it may be another machine's, until git would have given it up.
    write(entry, {"gitdir": f"{folder}/sebench-base-x/.git\n", "locked": "initializing"})
    with checked_out("main", start=repo):
        assert entry.exists()
    long_ago_s = time.time() - 2 * worktree.GIT_TIMEOUT_S
    os.utime(entry, (long_ago_s, long_ago_s))
    with checked_out("main", start=repo):
        assert not entry.exists()


def test_worktrees_of_the_user_are_left_alone(repo, tmp_path):
    git(repo, "worktree", "add", "--quiet", "-b", "topic", str(tmp_path / "linked"))
    (tmp_path / "linked" / ".git").unlink()
    with checked_out("main", start=repo):
        pass
    assert worktrees(repo) == 2
