import os
import subprocess
import sys
from pathlib import Path

import pytest

from goutbench.errors import ToolError
from goutbench.golang.toolchain import installation as under_test
from goutbench.golang.toolchain.helper import build_helper
from goutbench.golang.toolchain.installation import Toolchain, find_toolchain, go_env, run_go


def test_go_is_searched_on_path_and_then_in_the_wheel(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "go").symlink_to(find_toolchain().go)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_toolchain() == find_toolchain(tmp_path / "go")
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    toolchain = find_toolchain()
    assert "site-packages" in str(toolchain.go)
    assert (toolchain.goroot / "src" / "strings").is_dir()


def test_a_wrapper_is_replaced_by_the_program_that_it_starts(toolchain: Toolchain, tmp_path: Path) -> None:
    wrapper = tmp_path / "go"
    wrapper.write_text(f'#!/bin/sh\nexec {toolchain.go} "$@"\n')
    wrapper.chmod(0o755)
    assert find_toolchain(wrapper).go == toolchain.goroot / "bin" / "go"


def test_a_missing_go_is_an_error_with_a_hint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(under_test, "_go_in_wheel", lambda: None)
    with pytest.raises(ToolError, match="pip install"):
        find_toolchain()


def test_another_program_named_go_is_an_error(tmp_path: Path) -> None:
    game = tmp_path / "go"
    game.write_text("#!/bin/sh\necho black plays first\n")
    game.chmod(0o755)
    with pytest.raises(ToolError, match="version"):
        find_toolchain(game)


def test_the_environment_is_clean_and_offline(
    toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    monkeypatch.setenv("GOFLAGS", "-mod=nonsense")
    monkeypatch.setenv("GOPROXY", "https://proxy.example")
    env = go_env(toolchain, cache=tmp_path)
    assert "hush" not in env.values()
    done = run_go(toolchain, ["env", "GOPROXY", "GOTOOLCHAIN", "GOCACHE", "GOFLAGS"], cwd=tmp_path, env=env)
    assert done.stdout.split("\n")[:4] == ["off", "local", str(tmp_path), "-buildvcs=false"]
    assert go_env(toolchain, cache=tmp_path, offline=False)["GOPROXY"] == "https://proxy.example"
    assert go_env(toolchain, cache=tmp_path, extra={"GOPROXY": "x"})["GOPROXY"] == "x"


def test_a_go_command_that_exceeds_its_time_limit_ends_with_its_children(
    toolchain: Toolchain, go_environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "go.mod").write_text("module example.com/slow\n")
    (tmp_path / "main.go").write_text(
        'package main\n\nimport "time"\n\nfunc main() { time.Sleep(time.Hour) }\n'
    )
    with pytest.raises(subprocess.TimeoutExpired):
        run_go(toolchain, ["run", "."], cwd=tmp_path, env=go_environment, timeout=2)


def test_several_processes_build_the_helper_once(go_environment: dict[str, str], tmp_path: Path) -> None:
    script = (
        "from goutbench.golang.toolchain.helper import build_helper\n"
        "from goutbench.golang.toolchain.installation import find_toolchain\n"
        "p = build_helper(find_toolchain())\n"
        "print(p, p.stat().st_ino)"
    )
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "GOCACHE": go_environment["GOCACHE"]}
    asking = [
        subprocess.Popen([sys.executable, "-c", script], env=env, stdout=subprocess.PIPE) for _ in range(3)
    ]
    answers = {process.communicate()[0] for process in asking}
    assert len(answers) == 1
    path = Path(answers.pop().split()[0].decode())
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["gohelper", "lock"]


def test_a_helper_that_does_not_build_is_an_error_with_the_compilers_message(
    toolchain: Toolchain, go_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GOCACHE", go_environment["GOCACHE"])
    monkeypatch.setattr("importlib.resources.files", lambda package: tmp_path)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "go.mod").write_text("module broken\n")
    (tmp_path / "broken" / "main.go").write_text("package main\n\nfunc main() { nonsense }\n")
    with pytest.raises(ToolError, match="undefined: nonsense"):
        build_helper(toolchain, "broken")
    assert not list((tmp_path / "cache").rglob("broken-*/broken"))


def test_a_cache_folder_that_cannot_be_created_is_an_error(
    toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(ToolError, match="XDG_CACHE_HOME"):
        build_helper(toolchain)
