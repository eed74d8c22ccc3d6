"""The commands as a user types them: what they print, and how they end."""

import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from gitmaker import GitMaker

Make = Callable[..., GitMaker]
GO = "package p\n"
PROGRAM = [sys.executable, "-m", "goutbench"]


def goutbench(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROGRAM, *arguments], cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture
def project(make_repo: Make, tmp_path: Path) -> Path:
    """A folder with a repository and a repos.yaml that names it by a relative path."""
    maker = make_repo("code.git")
    maker.commit({"a.go": GO, "a_test.go": GO, "b.go": GO})
    maker.finish()
    (tmp_path / "repos.yaml").write_text("repositories:\n- {name: o/r, source: code.git, domain: testing}\n")
    return tmp_path


def test_curate_writes_a_dataset_that_verify_confirms(project: Path) -> None:
    done = goutbench("curate", "repos.yaml", "--out", "out", cwd=project)
    assert done.returncode == 0, done.stderr
    assert "o/r" in done.stdout
    assert "testing" in done.stdout
    assert " verify out\n" in done.stdout
    assert done.stdout.endswith(" split out\n")
    assert "[1/1] o/r: done in" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr  # plain lines where nobody looks at a terminal
    assert (project / "repos.lock.yaml").read_bytes() == (project / "out" / "repos.lock.yaml").read_bytes()
    verified = goutbench("verify", "out", cwd=project)
    assert verified.returncode == 0, verified.stdout
    assert verified.stdout == "out: no differences; every file and row matches the pins\n"
    again = goutbench("curate", "repos.yaml", "--out", "out2", "--locked", cwd=project)
    assert again.returncode == 0, again.stderr
    assert (project / "out" / "manifest.json").read_bytes() == (
        project / "out2" / "manifest.json"
    ).read_bytes()


def test_the_next_command_names_the_folders_of_repositories(project: Path) -> None:
    (project / "my clones").mkdir()
    folders = ("--mirror", ".", "--cache", "my clones")
    done = goutbench("curate", "repos.yaml", "--out", "out", *folders, cwd=project)
    assert done.returncode == 0, done.stderr
    assert " verify out --mirror . --cache 'my clones'\n" in done.stdout


def test_relative_sources_start_at_the_folder_of_the_configuration(project: Path) -> None:
    elsewhere = project / "else" / "where"
    elsewhere.mkdir(parents=True)
    done = goutbench("curate", "../../repos.yaml", "--out", "out", cwd=elsewhere)
    assert done.returncode == 0, done.stderr
    assert goutbench("verify", "out", "--base", str(project), cwd=elsewhere).returncode == 0


def test_the_option_json_prints_the_result_as_json(project: Path) -> None:
    done = goutbench("curate", "repos.yaml", "--out", "out", "--json", cwd=project)
    answer = json.loads(done.stdout)
    assert answer["pairs"] == 1
    assert answer["repositories"][0]["rejections"] == {"no_test": 1}
    data = project / "out" / "data" / "o__r.parquet"
    data.write_bytes(data.read_bytes()[:-1])
    done = goutbench("verify", "out", "--json", cwd=project)
    assert done.returncode == 1
    assert json.loads(done.stdout)["differences"][0]["file"] == "data/o__r.parquet"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["curate"], 2, "give either a repos.yaml or --builtin"),
        (["curate", "none.yaml"], 2, "No such file"),
        (["curate", "repos.yaml", "--builtin", "paper"], 2, "give either"),
        (["curate", "--builtin", "nope"], 2, "one of paper, std"),
        (["curate", "repos.yaml", "--export", "csv"], 2, "unknown export 'csv'"),
        (["curate", "repos.yaml", "--locked"], 2, "repos.lock.yaml"),
        (["curate", "repos.yaml", "--mirror", "none"], 2, "no folder none"),
        (["curate", "repos.yaml", "--nonsense"], 2, "No such option"),
        (["curate", "gone.yaml"], 3, "no folder"),
        (["verify", "nowhere"], 4, "no such folder"),
        (["curate", "repos.yaml", "--out", "/proc/nowhere"], 5, "/proc/nowhere"),
    ],
)
def test_mistakes_end_with_an_exit_code_and_a_message(
    project: Path, arguments: list[str], code: int, says: str
) -> None:
    (project / "gone.yaml").write_text("repositories:\n- {name: o/r, source: gone.git}\n")
    done = goutbench(*arguments, cwd=project)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_git_is_an_error(project: Path) -> None:
    environment = {**os.environ, "PATH": "/nowhere"}
    done = subprocess.run(
        [*PROGRAM, "curate", "repos.yaml"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 6
    assert "install git" in done.stderr


def test_a_terminal_shows_progress_bars(project: Path) -> None:
    """Run in a pseudo-terminal: the progress is drawn there, and ends in plain order."""
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    process = subprocess.Popen(
        [*PROGRAM, "curate", "repos.yaml", "--out", "out"],
        cwd=project,
        stdout=slave,
        stderr=slave,
        env=environment,
    )
    os.close(slave)
    shown = b""
    while select.select([master], [], [], 60)[0]:
        try:
            shown += os.read(master, 4096)
        except OSError:  # the other end is closed
            break
    os.close(master)
    assert process.wait() == 0
    assert b"\x1b[" in shown
    assert b"o/r: done" in shown
    assert b"1/1" in shown


def test_help_and_version_are_printed(tmp_path: Path) -> None:
    assert "curate" in goutbench("--help", cwd=tmp_path).stdout
    assert goutbench("--version", cwd=tmp_path).stdout.startswith("goutbench ")


def test_help_imports_no_heavy_package(tmp_path: Path) -> None:
    script = "import sys, goutbench.cli; print(sorted(set(sys.modules) & set(sys.argv[1:])))"
    heavy = [
        "pyarrow",
        "pydantic",
        "tree_sitter",
        "tokenizers",
        "torch",
        "transformers",
        "numpy",
        "yaml",
        "rich.table",
    ]
    done = subprocess.run([sys.executable, "-c", script, *heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_writing_a_table_imports_no_pandas() -> None:
    script = """if True:
    import sys
    import pyarrow
    from goutbench.dataset.store import to_table
    from goutbench.records import SplitAssignment
    to_table([], SplitAssignment)
    print("pandas" in sys.modules, len(pyarrow.table({"a": [1]}).to_pandas()))
    """
    pytest.importorskip("pandas")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "1"]


def test_other_threads_find_pandas_while_a_table_is_written() -> None:
    script = """if True:
    import importlib.util, sys
    from concurrent.futures import ThreadPoolExecutor
    import pyarrow
    from goutbench.dataset.arrow import keep_pandas_out
    array = pyarrow.array
    def slow_array(values):
        with ThreadPoolExecutor() as other:
            print(other.submit(importlib.util.find_spec, "pandas").result() is not None)
        return array(values)
    pyarrow.array = slow_array
    keep_pandas_out()
    print("pandas" in sys.modules)
    """
    pytest.importorskip("pandas")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["True", "False"], done.stderr


@pytest.mark.parametrize(("command", "imported"), [("curate", False), ("report", True)])
def test_commands_that_compute_nothing_import_no_numpy(command: str, imported: bool) -> None:
    script = f"""if True:
    import sys
    from goutbench.cli import main
    sys.argv = ["goutbench", "{command}", "--help"]
    try:
        main()
    except SystemExit:
        import pyarrow.parquet
        print("numpy" in sys.modules, pyarrow.array([1, None]).to_pylist())
    """
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == f"{imported} [1, None]"
