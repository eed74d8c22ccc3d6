"""Repositories as they really are: nothing in them breaks curation, and nothing is lost silently."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gitmaker import GitMaker

from goutbench.config import RepositoryConfig
from goutbench.curate.repository import CuratedRepository, curate_repository
from goutbench.curate.sources.source import SourceLocations, open_source
from goutbench.errors import SourceError
from goutbench.locations import find_git_dir

Make = Callable[..., GitMaker]
GO = b"package p\n"
MIT = """MIT License

Copyright (c) 2020 Somebody

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""


def run(path: Path, **settings: object) -> CuratedRepository:
    config = RepositoryConfig.model_validate({"name": "o/r", "source": str(path), **settings})
    places = SourceLocations((path.parent,), path.parent / "cache")
    return curate_repository(open_source(config, places, None, lambda what: None), config, lambda *step: None)


def rules(curated: CuratedRepository) -> dict[str, str]:
    return {rejection.path: rejection.rule for rejection in curated.rejections}


def test_every_go_file_is_in_a_pair_or_rejected_once(make_repo: Make) -> None:
    """All kinds of files at once; each stands with its rule, and the partner of a rejected one too."""
    maker = make_repo()
    files: dict[bytes | str, Any] = {
        "ok.go": GO,
        "ok_test.go": GO,
        "untested.go": GO,
        "unsourced_test.go": GO,
        "link.go": ("120000", b"ok.go"),
        "link_test.go": GO,
        "module.go": ("160000", b"1" * 40),
        "module_test.go": GO,
        "lfs.go": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        "lfs_test.go": GO,
        "empty.go": b"",
        "empty_test.go": GO,
        "nul.go": GO + b"\0",
        "nul_test.go": GO,
        "latin.go": GO + b"// caf\xe9\n",
        "latin_test.go": GO,
        "prose.go": b"this is not Go\n",
        "prose_test.go": GO,
        b"\xff.go": GO,
        b"\xff_test.go": GO,
        "README.md": b"# not Go",
    }
    mark = maker.commit(files)
    revision = maker.finish()[mark]
    curated = run(maker.path)
    assert [pair.code_path for pair in curated.pairs] == ["ok.go"]
    assert curated.pairs[0].revision == revision
    rejected = rules(curated)
    assert rejected == {
        "untested.go": "no_test",
        "unsourced_test.go": "no_source",
        "link.go": "symlink",
        "link_test.go": "no_source",
        "module.go": "submodule",
        "module_test.go": "no_source",
        "lfs.go": "lfs_pointer",
        "lfs_test.go": "partner_rejected",
        "empty.go": "empty",
        "empty_test.go": "partner_rejected",
        "nul.go": "binary",
        "nul_test.go": "partner_rejected",
        "latin.go": "not_utf8",
        "latin_test.go": "partner_rejected",
        "prose.go": "no_package",
        "prose_test.go": "partner_rejected",
        "\\xff.go": "path_not_utf8",
        "\\xff_test.go": "path_not_utf8",
    }
    assert curated.go_files == 2 * len(curated.pairs) + len(curated.rejections)
    reasons = {rejection.path: rejection.reason for rejection in curated.rejections}
    assert reasons["nul.go"] == "NUL at byte 10"
    assert reasons["lfs_test.go"] == "lfs.go: lfs_pointer"


def test_contents_are_the_blobs_regardless_of_git_attributes(make_repo: Make) -> None:
    """CRLF, a byte-order mark and `.gitattributes` conversions: a row holds what the blob holds."""
    maker = make_repo()
    code = b"\xef\xbb\xbfpackage p\r\n\r\nvar A = 1\r\n"
    test = b"package p\n\n// $Id$\n"
    attributes = "* text eol=crlf ident working-tree-encoding=UTF-16\n"
    maker.commit({"a.go": code, "a_test.go": test, ".gitattributes": attributes})
    maker.finish()
    (pair,) = run(maker.path).pairs
    assert pair.code.encode() == code
    assert pair.test.encode() == test
    assert pair.sha256 == hashlib.sha256(code).hexdigest()
    assert (pair.code_lines, pair.test_lines) == (3, 3)


def test_unusual_file_names_are_paired_and_stored_exactly(make_repo: Make) -> None:
    names = [
        "new\nline",
        'quo"te',
        "*glob?[x]",
        "日本",
        "sp ace",
        "back\\slash",
        ":colon",
        "-dash",
        "A",
        "a",
        "d/é",
    ]
    maker = make_repo()
    maker.commit({f"{name}{end}": GO for name in names for end in (".go", "_test.go")})
    maker.finish()
    curated = run(maker.path)
    assert {pair.code_path for pair in curated.pairs} == {f"{name}.go" for name in names}
    assert curated.rejections == ()
    assert [pair.code_path for pair in curated.pairs] == sorted(
        (f"{name}.go" for name in names), key=lambda name: name.encode()
    )
    assert len({pair.id for pair in curated.pairs}) == len(names)
    assert next(pair for pair in curated.pairs if pair.code_path == "d/é.go").file_name == "é"


def test_a_folder_named_like_a_go_file_is_not_a_file(make_repo: Make) -> None:
    maker = make_repo()
    maker.commit({"x.go/y.go": GO, "x.go/y_test.go": GO, "x_test.go": GO})
    maker.finish()
    curated = run(maker.path)
    assert [pair.code_path for pair in curated.pairs] == ["x.go/y.go"]
    assert rules(curated) == {"x_test.go": "no_source"}


def test_a_test_file_is_never_a_source(make_repo: Make) -> None:
    maker = make_repo()
    maker.commit({"a_test.go": GO, "a_test_test.go": GO})
    maker.finish()
    assert run(maker.path).pairs == ()


def test_a_huge_generated_file_is_rejected_by_its_size(make_repo: Make) -> None:
    """50 MB: not read under the default limit; read, marked and paired when the limit allows it."""
    maker = make_repo()
    line = b"var _ = 1 // ".ljust(9_999, b"x") + b"\n"
    huge = b"// Code generated by x. DO NOT EDIT.\n\npackage p\n" + line * 5_000
    maker.commit({"big.go": huge, "big_test.go": GO})
    maker.finish()
    curated = run(maker.path)
    assert rules(curated) == {"big.go": "too_large", "big_test.go": "partner_rejected"}
    assert str(len(huge)) in curated.rejections[0].reason
    (pair,) = run(maker.path, filters={"max_bytes": 60_000_000}).pairs
    assert pair.generated
    assert len(pair.code) == len(huge)


def test_filters_reject_files_with_a_reason(make_repo: Make) -> None:
    maker = make_repo()
    generated = b"// Code generated by x. DO NOT EDIT.\npackage p\n"
    files = {"vendor/v/a": GO, "gen": generated, "internal/b": GO, "c": GO}
    maker.commit({f"{name}{end}": text for name, text in files.items() for end in (".go", "_test.go")})
    maker.finish()
    assert len(run(maker.path).pairs) == 4
    flags = {pair.code_path: (pair.vendored, pair.generated) for pair in run(maker.path).pairs}
    assert flags["vendor/v/a.go"] == (True, False)
    assert flags["gen.go"] == (False, True)
    curated = run(maker.path, filters={"vendored": "drop", "generated": "drop", "exclude": ["internal/*"]})
    assert [pair.code_path for pair in curated.pairs] == ["c.go"]
    assert {rules(curated)[name] for name in ("vendor/v/a.go", "gen.go", "internal/b.go")} == {
        "vendored",
        "generated",
        "excluded",
    }


def test_files_with_syntax_errors_are_paired(make_repo: Make) -> None:
    """A parser's error flag drops nothing: what does not parse here may well compile there."""
    maker = make_repo()
    maker.commit({"a.go": b"package p\nfunc {", "a_test.go": GO})
    maker.finish()
    assert len(run(maker.path).pairs) == 1


def test_a_renamed_file_has_the_dates_and_commits_of_git_log(make_repo: Make) -> None:
    """A rename starts a new history, as `git log -- <path>` has it."""
    maker = make_repo()
    one = maker.commit({"old.go": GO, "a_test.go": GO}, date=1000)
    two = maker.commit({"a.go": GO, "a_test.go": GO}, [one], date=2000)
    three = maker.commit({"a.go": GO, "a_test.go": ("100755", GO)}, [two], date=3000)
    hashes = maker.finish()
    (pair,) = run(maker.path).pairs
    assert (pair.code_commit, pair.test_commit) == (hashes[two], hashes[three])
    dates = (pair.code_first_date, pair.code_last_date, pair.test_first_date, pair.test_last_date)
    assert [date.timestamp() for date in dates if date] == [2000, 2000, 1000, 3000]


# ── how a repository lies on disk ─────────────────────────────────────────────────────────────────


def test_a_bare_repository_without_config_is_opened(make_repo: Make) -> None:
    maker = make_repo()
    maker.commit({"a.go": GO, "a_test.go": GO})
    maker.finish()
    (maker.path / "config").unlink()
    assert len(run(maker.path).pairs) == 1


def test_a_work_tree_and_a_linked_work_tree_are_opened(make_repo: Make, tmp_path: Path) -> None:
    maker = make_repo()
    maker.commit({"a.go": GO, "a_test.go": GO})
    maker.finish()
    work, linked = tmp_path / "work", tmp_path / "linked"
    maker.git("clone", "-q", str(maker.path), str(work))
    GitMaker(work / ".git").git("worktree", "add", "-q", "-b", "side", str(linked))
    (work / "a.go").write_bytes(b"package changed\n")  # what lies in the work tree does not count
    for path in (work, linked):
        (pair,) = run(path).pairs
        assert pair.package == "p"
    assert find_git_dir(work / "nowhere") is None


def test_a_shallow_clone_is_an_error(make_repo: Make, tmp_path: Path) -> None:
    maker = make_repo()
    one = maker.commit({"a.go": GO, "a_test.go": GO}, date=1000)
    maker.commit({"a.go": GO + b"//", "a_test.go": GO}, [one], date=2000)
    maker.finish()
    shallow = tmp_path / "shallow"
    maker.git("clone", "-q", "--depth=1", "--bare", f"file://{maker.path}", str(shallow))
    with pytest.raises(SourceError, match="shallow"):
        run(shallow)


def test_a_clone_without_trees_is_an_error(make_repo: Make, tmp_path: Path) -> None:
    maker = make_repo()
    maker.git("config", "uploadpack.allowFilter", "true")
    maker.commit({"a.go": GO, "a_test.go": GO})
    maker.finish()
    treeless = tmp_path / "treeless"
    maker.git("clone", "-q", "--filter=tree:0", "--bare", f"file://{maker.path}", str(treeless))
    with pytest.raises(SourceError, match="lacks trees"):
        run(treeless)


def test_a_missing_blob_of_a_local_partial_clone_is_a_rejection(make_repo: Make, tmp_path: Path) -> None:
    """The user's own clone is not written to, and its remote not asked, even though it could answer."""
    maker = make_repo()
    maker.git("config", "uploadpack.allowFilter", "true")
    maker.commit({"a.go": GO, "a_test.go": b"package p_test\n", "b.go": b"package b\n", "b_test.go": GO})
    maker.finish()
    partial = tmp_path / "partial"
    maker.git("clone", "-q", "--filter=blob:none", "--bare", f"file://{maker.path}", str(partial))
    before = sorted((partial / "objects" / "pack").iterdir())
    curated = run(partial)
    assert curated.pairs == ()
    assert set(rules(curated).values()) == {"missing"}
    assert len(curated.rejections) == 4
    assert sorted((partial / "objects" / "pack").iterdir()) == before


@pytest.mark.parametrize("how", ["garbage", "swapped", "gone"])
def test_a_damaged_blob_is_a_rejection(make_repo: Make, how: str) -> None:
    """Also one that unpacks well, but is not what its name says: `cat-file` would not notice."""
    maker = make_repo()
    mark = maker.commit({"a.go": GO + b"// a", "a_test.go": GO, "b.go": GO, "b_test.go": GO + b"// b"})
    commit = maker.finish()[mark]
    maker.loosen()
    victim = maker.git("rev-parse", f"{commit}:a.go").decode().strip()
    test_blob = maker.git("rev-parse", f"{commit}:b_test.go").decode().strip()
    swapped = (maker.path / "objects" / test_blob[:2] / test_blob[2:]).read_bytes()
    maker.damage(victim, {"garbage": b"garbage", "swapped": swapped, "gone": None}[how])
    curated = run(maker.path)
    assert [pair.code_path for pair in curated.pairs] == ["b.go"]
    # what git cannot even open, it reports as missing
    assert rules(curated)["a.go"] == ("corrupt" if how == "swapped" else "missing")


def test_the_error_of_a_damaged_tree_names_it(make_repo: Make) -> None:
    maker = make_repo()
    mark = maker.commit({"d/a.go": GO, "d/a_test.go": GO})
    commit = maker.finish()[mark]
    maker.loosen()
    maker.damage(maker.git("rev-parse", f"{commit}:d").decode().strip(), b"garbage")
    with pytest.raises(SourceError, match="git ls-tree failed"):
        run(maker.path)


def test_an_empty_repository_is_an_error(make_repo: Make) -> None:
    maker = make_repo()
    with pytest.raises(SourceError, match="empty"):
        run(maker.path)


def test_a_head_without_its_branch_is_an_error(make_repo: Make) -> None:
    maker = make_repo()
    mark = maker.commit({"a.go": GO, "a_test.go": GO})
    commit = maker.finish()[mark]
    maker.git("symbolic-ref", "HEAD", "refs/heads/gone")
    with pytest.raises(SourceError, match="refs/heads/gone, which does not exist"):
        run(maker.path)
    assert len(run(maker.path, revision=commit).pairs) == 1


def test_unknown_revisions_and_too_early_dates_are_errors(make_repo: Make) -> None:
    maker = make_repo()
    maker.commit({"a.go": GO, "a_test.go": GO}, date=1_700_000_000)
    maker.finish()
    with pytest.raises(SourceError, match="no commit 'v9'"):
        run(maker.path, revision="v9")
    with pytest.raises(SourceError, match="no commit as of"):
        run(maker.path, as_of="2001-01-01")


def test_as_of_follows_the_first_parent_history(make_repo: Make) -> None:
    """A merged branch's commits are not states of the default branch; the instant itself counts."""
    maker = make_repo()
    base = {"a.go": GO, "a_test.go": GO}
    one = maker.commit(base, date=1_000_000)
    side = maker.commit({**base, "s.go": GO}, [one], date=1_100_000)
    two = maker.commit({**base, "b.go": GO}, [one], date=1_050_000)
    maker.commit({**base, "b.go": GO, "s.go": GO}, [two, side], date=1_200_000)
    hashes = maker.finish()
    for instant, mark in (("1970-01-13T17:46:40Z", two), ("1970-01-12T13:46:40Z", one)):
        (pair,) = run(maker.path, as_of=instant).pairs
        assert pair.revision == hashes[mark]


def test_a_tag_gives_the_commit_that_it_names(make_repo: Make) -> None:
    maker = make_repo()
    one = maker.commit({"a.go": GO, "a_test.go": GO})
    maker.commit({}, [one])
    commit = maker.finish()[one]
    maker.git("-c", "user.name=T", "-c", "user.email=t@example.com", "tag", "-a", "v1", "-m", "m", commit)
    (pair,) = run(maker.path, revision="v1").pairs
    assert pair.revision == commit


# ── plain trees ───────────────────────────────────────────────────────────────────────────────────


def test_a_plain_tree_has_a_version_and_no_dates(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    (root / "d").mkdir(parents=True)
    for name in ("a.go", "a_test.go", "d/b.go"):
        (root / name).write_bytes(GO)
    (root / "d" / "b_test.go").symlink_to("../a_test.go")
    (root / "loop").symlink_to(root)
    (root / "LICENSE").write_text(MIT)
    curated = run(root, version="v1")
    (pair,) = curated.pairs
    assert (pair.revision, pair.code_commit, pair.code_last_date) == ("v1", None, None)
    assert (pair.licence, pair.licence_file) == ("MIT", "LICENSE")
    assert rules(curated) == {"d/b.go": "no_test", "d/b_test.go": "symlink"}
    with pytest.raises(SourceError, match="neither a git repository nor a plain tree with a version"):
        run(root)
    with pytest.raises(SourceError, match="need a git repository"):
        run(root, revision="v1")


def test_a_plain_tree_inside_a_work_tree_is_not_that_repository(make_repo: Make, tmp_path: Path) -> None:
    maker = make_repo()
    maker.commit({"sub/a.go": GO, "sub/a_test.go": GO})
    maker.finish()
    work = tmp_path / "work"
    maker.git("clone", "-q", str(maker.path), str(work))
    (pair,) = run(work / "sub", version="v1").pairs
    assert (pair.code_path, pair.code_commit) == ("a.go", None)
    with pytest.raises(SourceError, match="`version:` is for plain source trees"):
        run(work, version="v1")
