import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from goutbench.errors import ToolError
from goutbench.golang.toolchain import installation as under_test
from goutbench.golang.toolchain.helper import build_helper
from goutbench.golang.toolchain.installation import (
    NAMED,
    OWN,
    WHEEL,
    Toolchain,
    download_env,
    find_toolchain,
    go_env,
    installed_toolchains,
    run_go,
    version_key,
)


def wrapper(folder: Path, toolchain: Toolchain) -> Path:
    """A program named go that starts another one, as a version manager installs it."""
    folder.mkdir(exist_ok=True)
    program = folder / "go"
    program.write_text(f'#!/bin/sh\nexec {toolchain.go} "$@"\n')
    program.chmod(0o755)
    return program


def fake(folder: Path, version: str) -> Path:
    """A program that reports a version of Go, in an installation of its own."""
    program = folder / version / "bin" / "go"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nprintf "%s\\n%s\\n" {version} {folder / version}\n')
    program.chmod(0o755)
    return program


def wheel() -> Toolchain:
    return next(found for found in installed_toolchains() if found.source == WHEEL)


def test_the_users_go_comes_first_and_then_the_wheels(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = fake(tmp_path, "go1.30.1")
    monkeypatch.setenv("PATH", str(own.parent))
    assert (find_toolchain().go, find_toolchain().source) == (own, OWN)
    assert [found.source for found in installed_toolchains()] == [OWN, WHEEL]
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    toolchain = find_toolchain()
    assert "site-packages" in str(toolchain.go)
    assert toolchain.source == WHEEL
    assert (toolchain.goroot / "src" / "strings").is_dir()


def test_what_comes_after_a_recent_go_is_not_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own, later = fake(tmp_path, "go1.30.1"), fake(tmp_path, "go1.31.0")
    later.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    monkeypatch.setenv("PATH", f"{own.parent}:{later.parent}")
    assert find_toolchain().go == own
    assert not (tmp_path / "started").exists()


def test_an_activated_environment_does_not_replace_the_users_go(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The wheel's script is first on PATH there."""
    own, activated = fake(tmp_path, "go1.30.1"), wrapper(tmp_path / "venv", wheel())
    monkeypatch.setenv("PATH", f"{activated.parent}:relative:{own.parent}")
    assert (find_toolchain().go, find_toolchain().source) == (own, OWN)
    named = find_toolchain(activated)
    assert (named.go, named.source) == (wheel().go, NAMED)
    monkeypatch.setenv("PATH", str(activated.parent))
    assert find_toolchain().source == WHEEL


def test_a_go_that_is_too_old_for_our_programs_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(fake(tmp_path, "go1.20.3").parent))
    assert find_toolchain().source == WHEEL
    monkeypatch.setattr(under_test, "_go_in_wheel", lambda: iter(()))
    assert find_toolchain().version == "go1.20.3"


def test_a_go_that_does_not_run_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Such as a version manager's, in a folder without a version."""
    broken = fake(tmp_path, "none").parent
    monkeypatch.setenv("PATH", str(broken))
    assert find_toolchain().source == WHEEL
    monkeypatch.setattr(under_test, "_go_in_wheel", lambda: iter(()))
    with pytest.raises(ToolError, match="reports no version"):
        find_toolchain()


def test_versions_of_go_are_ordered() -> None:
    ordered = ["1.9.7", "1.21", "go1.21rc2", "go1.21.0", "go1.21.10 X:aliastypeparams", "1.22", "go1.22.1"]
    keys = [version_key(version) for version in ordered]
    assert keys == sorted(set(keys))


def test_a_wrapper_is_replaced_by_the_program_that_it_starts(toolchain: Toolchain, tmp_path: Path) -> None:
    assert find_toolchain(wrapper(tmp_path, toolchain)).go == toolchain.goroot / "bin" / "go"


def test_a_missing_go_is_an_error_with_a_hint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(under_test, "_go_in_wheel", lambda: iter(()))
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
    assert go_env(toolchain, cache=tmp_path, extra={"GOPROXY": "x"})["GOPROXY"] == "x"


def test_go_commands_write_no_telemetry(toolchain: Toolchain, tmp_path: Path) -> None:
    run_go(toolchain, ["env", "GOOS"], cwd=tmp_path, env=go_env(toolchain, cache=tmp_path / "home"))
    assert not (tmp_path / "home").exists()


def test_a_download_has_the_users_own_settings(
    toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "env").write_text(
        "GOPRIVATE=corp.example\nGOFLAGS=-mod=nonsense\nGOTOOLCHAIN=go1.99.1+auto\n"
    )
    monkeypatch.setenv("GOENV", str(tmp_path / "env"))
    monkeypatch.setenv("GOPROXY", "https://proxy.example")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SSH_AUTH_SOCK", "/agent")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    for name in ("GOTOOLCHAIN", "GOPRIVATE", "GOFLAGS"):
        monkeypatch.delenv(name, raising=False)
    env = download_env(replace(toolchain, source=NAMED), cache=tmp_path / "c", modcache=tmp_path / "m")
    names = ["GOPROXY", "GOPRIVATE", "GOFLAGS", "GOMODCACHE", "GOCACHE", "GOTOOLCHAIN"]
    done = run_go(toolchain, ["env", *names], cwd=tmp_path, env=env)
    values = [
        "https://proxy.example",
        "corp.example",
        "-mod=mod",
        str(tmp_path / "m"),
        str(tmp_path / "c"),
        "local",
    ]
    assert done.stdout.split("\n")[:6] == values
    assert (env["HOME"], env["SSH_AUTH_SOCK"], "GIT_DIR" in env) == (str(tmp_path), "/agent", False)
    assert "GOTOOLCHAIN" not in download_env(toolchain, cache=tmp_path, modcache=tmp_path)


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
