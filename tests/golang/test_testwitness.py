"""The witness in a real test binary, with each Go that is installed here."""

import json
import os
import re
import shutil
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from plain_go import own_environment

from goutbench.errors import ToolError
from goutbench.golang.toolchain.installation import Toolchain, installed_toolchains, run_go
from goutbench.golang.toolchain.testwitness import VARIABLE, WitnessReport, read_witness, witness_sources

TOKEN = b"t" * 32
CODE = """package abs

func Abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}
"""
TEST = """package abs

import (
	"fmt"
	"os"
	"testing"
)

func TestOne(t *testing.T) {
	t.Run("sub", func(t *testing.T) { Abs(1) })
}

func TestSkips(t *testing.T) { t.Skip() }

func TestRunsOthers(t *testing.T) {
	match := func(string, string) (bool, error) { return true, nil }
	testing.RunTests(match, []testing.InternalTest{{Name: "TestOne", F: func(t *testing.T) { t.Fail() }}})
}

func TestVariable(t *testing.T) {
	if os.Getenv("GOUTBENCH_WITNESS") != "" {
		t.Fatal()
	}
}

func FuzzAbs(f *testing.F) {
	f.Add(2)
	f.Fuzz(func(t *testing.T, n int) { Abs(n) })
}

func ExampleAbs() {
	fmt.Println(Abs(3))
	// Output: 3
}

func ExampleAbs_wrong() {
	fmt.Println(Abs(3))
	// Output: 4
}
"""


def run_with_witness(
    toolchain: Toolchain, env: dict[str, str], folder: Path, flags: list[str]
) -> tuple[WitnessReport, bytes]:
    """Compile and run the tests of CODE with the overlay; what the witness said, and the output."""
    overlay = {}
    for number, (name, text) in enumerate(witness_sources(toolchain).items()):
        (folder / f"{number}.overlay").write_text(text)
        overlay[str(toolchain.goroot / "src" / name)] = str(folder / f"{number}.overlay")
    for name, text in {"go.mod": "module abs\n\ngo 1.24\n", "abs.go": CODE, "abs_test.go": TEST}.items():
        (folder / name).write_text(text)
    (folder / "overlay.json").write_text(json.dumps({"Replace": overlay}))
    command = ["test", "-c", *flags, "-overlay=overlay.json", "-o", "abs.test", "."]
    done = run_go(toolchain, command, cwd=folder, env=env)
    assert done.returncode == 0, done.stderr
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            ours.sendall(TOKEN)
            environment = {**os.environ, VARIABLE: str(theirs.fileno()), "TMPDIR": str(folder)}
            process = subprocess.Popen(
                [folder / "abs.test", "-test.v=test2json"], cwd=folder, env=environment,
                stdout=subprocess.PIPE, pass_fds=[theirs.fileno()],
            )  # fmt: skip
        output = process.communicate()[0]
        messages = b"".join(iter(lambda: ours.recv(1 << 16), b""))
    return read_witness(messages.replace(TOKEN, b"")), output


@pytest.mark.parametrize("installed", installed_toolchains(), ids=lambda toolchain: toolchain.version)
def test_the_witness_reports_the_tests_of_the_program_alone(installed: Toolchain, tmp_path: Path) -> None:
    report, output = run_with_witness(installed, own_environment(installed), tmp_path, ["-cover"])
    ends = re.findall(r"^\x16--- (\w+): (\S+)$", report.frames.decode(), re.MULTILINE)
    assert ends == [
        ("PASS", "TestOne/sub"), ("PASS", "TestOne"), ("SKIP", "TestSkips"), ("PASS", "TestRunsOthers"),
        ("PASS", "TestVariable"), ("PASS", "FuzzAbs/seed#0"), ("PASS", "FuzzAbs"), ("PASS", "ExampleAbs"),
        ("FAIL", "ExampleAbs_wrong"),
    ]  # fmt: skip
    assert report.frames.endswith(b"\x16FAIL\n")
    assert output.count(b"--- FAIL: TestOne") == 1  # the output shows the other one
    assert report.own == report.all
    assert report.own is not None
    assert [line[-3:] for line in report.own.splitlines()[1:]] == ["1 1", "1 0", "1 1"]


def test_a_program_without_coverage_reports_none(
    toolchain: Toolchain, go_environment: dict[str, str], tmp_path: Path
) -> None:
    report, _ = run_with_witness(toolchain, go_environment, tmp_path, [])
    assert (report.own, report.all) == (None, None)
    assert b"--- PASS: TestOne\n" in report.frames


@pytest.mark.parametrize("installed", installed_toolchains(), ids=lambda toolchain: toolchain.version)
def test_lines_of_the_testing_package_keep_their_numbers(installed: Toolchain) -> None:
    for name, text in witness_sources(installed).items():
        path = installed.goroot / "src" / name
        if name.startswith("testing/") and path.exists() and path.name != "newcover.go":
            before, after = path.read_text().splitlines(), text.splitlines()
            assert len(before) == len(after)
            assert all(new.startswith(old) for old, new in zip(before, after, strict=True))


def test_a_testing_package_that_is_not_known_is_refused(toolchain: Toolchain, tmp_path: Path) -> None:
    for name in ("testing", "internal/coverage/cfile"):
        shutil.copytree(toolchain.goroot / "src" / name, tmp_path / "src" / name)
    changed = tmp_path / "src" / "testing" / "testing.go"
    changed.write_text(changed.read_text().replace("func tRunner(t *T", "func runner(t *T"))
    with pytest.raises(ToolError, match=r"cannot be confirmed with go.*tRunner"):
        witness_sources(replace(toolchain, goroot=tmp_path))


def test_damaged_messages_end_the_report() -> None:
    assert read_witness(b"f\0\0\0\1xf\0\0\0\2y") == WitnessReport(frames=b"x")
    assert read_witness(b"o\0\0\0\0?\0\0\0\1z") == WitnessReport(own="")
    assert read_witness(b"f\xff\xff\xff\xff") == WitnessReport()
