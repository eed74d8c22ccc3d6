"""Git repositories that try to read, write or run something outside, through curate, verify and execute.

All of them are read, built and tested in one run; then each has a test of its own. A repository that cannot
be built is an infrastructure error of its own pairs.
"""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from gitmaker import File, GitMaker
from typer.testing import CliRunner

from goutbench.cli import app
from goutbench.dataset.store import read_pairs
from goutbench.execute.machine import Machine
from goutbench.execute.options import ExecuteOptions
from goutbench.execute.stage import run_stage
from goutbench.records import Execution, Status

SECRET = "hunter2-of-the-host"
LINK, MODULE = "120000", "160000"
CODE = "package x\n\nfunc One() int { return 1 }\n"
TEST = """package x

import "testing"

func TestOne(t *testing.T) {
	if One() != 1 {
		t.Fatal("one")
	}
}
"""
USES_PRIVATE = TEST.replace('import "testing"', 'import (\n\t"testing"\n\n\t"private.test/p"\n)').replace(
    "One() != 1", 'p.Key == ""'
)
REQUIRES = "module x.test/x\n\ngo 1.22\n\nrequire private.test/p v0.0.0\n"
READS = """package x

import (
	"os"
	"strings"
	"testing"
)

func TestOne(t *testing.T) {
	for _, path := range []string{%s} {
		if data, err := os.ReadFile(path); err == nil && strings.Contains(string(data), "hunter2") {
			t.Fatalf("read %%s: %%s", path, data)
		}
	}
	if One() != 1 {
		t.Fatal("one")
	}
}
"""
EMBEDS = 'package x\n\nimport _ "embed"\n\n//go:embed %s\nvar Text string\n\nfunc One() int { return 1 }\n'
ASSEMBLY = "package x\n\nfunc leaked() int\n\nfunc One() int { return 1 }\n"
RUNS = """package x

import (
	"os"
	"os/exec"
)

func init() {
	os.WriteFile("{host}/MARK", nil, 0o666)
	exec.Command("{host}/program").Run()
	if data, err := os.ReadFile("{host}/secret"); err == nil {
		panic(string(data))
	}
}

func One() int { return 1 }
"""
SCRIPT: File = ("100755", b"#!/bin/sh\ntouch {host}/MARK\n")

GOOD, BROKEN = {Status.PASSED}, {Status.INFRA_FAILURE, Status.BUILD_FAILED}
ANY = GOOD | BROKEN
"""What matters is what happens outside: whether such a repository builds is for the go command to say."""

REPOSITORIES: dict[str, tuple[dict[str, File | str], set[Status]]] = {
    "replaced by a folder above": (
        {"go.mod": REQUIRES + "\nreplace private.test/p => {up}\n", "x_test.go": USES_PRIVATE},
        BROKEN,
    ),
    "replaced by an absolute folder": (
        {"go.mod": REQUIRES + "\nreplace private.test/p => {host}\n", "x_test.go": USES_PRIVATE},
        BROKEN,
    ),
    "go.work uses a folder above": (
        {"go.work": "go 1.22\n\nuse (\n\t.\n\t{up}\n)\n", "x_test.go": USES_PRIVATE},
        BROKEN,
    ),
    "go.work replaces by a folder of the host": (
        {
            "go.work": "go 1.22\n\nuse .\n\nreplace private.test/p => {host}\n",
            "go.mod": REQUIRES,
            "x_test.go": USES_PRIVATE,
        },
        BROKEN,
    ),
    "go.mod is a link": ({"go.mod": (LINK, b"{host}/go.mod")}, BROKEN),
    "go.sum is a link": ({"go.sum": (LINK, b"{host}/secret")}, GOOD),
    "vendor is a link": (
        {"vendor": (LINK, b"{host}"), "go.mod": REQUIRES, "x_test.go": USES_PRIVATE},
        BROKEN,
    ),
    "a vendored module is a link": (
        {
            "vendor/modules.txt": "# private.test/p v0.0.0\n## explicit\nprivate.test/p\n",
            "vendor/private.test/p": (LINK, b"{host}"),
            "go.mod": REQUIRES,
            "x_test.go": USES_PRIVATE,
        },
        BROKEN,
    ),
    "a source is a link": ({"y.go": (LINK, b"{host}/p.go")}, GOOD),
    "a toolchain that there is not": (
        {"go.mod": "module x.test/x\n\ngo 1.22\n\ntoolchain go1.22.99-evil\n"},
        ANY,
    ),
    "a version of Go that there is not": ({"go.mod": "module x.test/x\n\ngo 9.99\n"}, BROKEN),
    "settings of Go in the repository": (
        {
            "go.env": "GOFLAGS=-toolexec={host}/program\nGOENV={host}/env\n",
            ".config/go/env": "GOFLAGS=-toolexec={host}/program\nCC={host}/program\n",
        },
        GOOD,
    ),
    "a toolchain in the repository": (
        {
            "bin/go": SCRIPT,
            "bin/gofmt": SCRIPT,
            "VERSION": "go1.26.8\n",
            "go.env": "",
            "src/runtime/runtime.go": "package runtime\n",
            "pkg/tool/linux_amd64/compile": SCRIPT,
            "bin/git": SCRIPT,
        },
        ANY,
    ),
    "embeds a link": ({"x.go": EMBEDS % "data.txt", "data.txt": (LINK, b"{host}/secret")}, BROKEN),
    "embeds a folder that is a link": ({"x.go": EMBEDS % "data/secret", "data": (LINK, b"{host}")}, BROKEN),
    "embeds a path above": ({"x.go": EMBEDS % "{up}/secret"}, BROKEN),
    "generates": (
        {
            "x.go": CODE.replace("\n\n", "\n\n//go:generate {host}/program\n", 1),
            "Makefile": "all test:\n\t{host}/program\n",
        },
        GOOD,
    ),
    "assembles a file of the host": (
        {"x.go": ASSEMBLY, "x.s": '#include "{host}/secret"\nTEXT ·leaked(SB), 4, $0-8\n\tRET\n'},
        BROKEN,
    ),
    "assembles a file above": (
        {"x.go": ASSEMBLY, "x.s": '#include "{up}/secret"\nTEXT ·leaked(SB), 4, $0-8\n\tRET\n'},
        BROKEN,
    ),
    "compiles with the flags of cgo": (
        {
            "y.go": "package x\n\n// #cgo CFLAGS: -fplugin={host}/program -include {host}/secret\n"
            '// #cgo pkg-config: --define-prefix {host}\nimport "C"\n'
        },
        ANY,
    ),
    "its test data are links": (
        {
            "testdata/secret": (LINK, b"{host}/secret"),
            "testdata/above": (LINK, b"../../../../../../../..{host}"),
            "x_test.go": READS % '"testdata/secret", "testdata/above/secret", "{host}/secret"',
        },
        GOOD,
    ),
    "links to itself": ({"loop": (LINK, b"."), "a/loop": (LINK, b"../a"), "me.go": (LINK, b"me.go")}, ANY),
    "its licence is a link": ({"LICENSE": (LINK, b"{host}/secret"), "NOTICE": (LINK, b"/etc/passwd")}, GOOD),
    "its code acts when it is loaded": ({"x.go": RUNS}, GOOD),
    "a submodule with a program": (
        {
            ".gitmodules": '[submodule "s"]\n\tpath = sub\n'
            "\turl = ext::sh -c {host}/program\n\tupdate = !{host}/program\n",
            "sub": (MODULE, b"1" * 40),
        },
        GOOD,
    ),
    "attributes with programs": (
        {
            ".gitattributes": "* filter=evil diff=evil merge=evil textconv=evil working-tree-encoding=UTF-16 "
            "ident export-subst eol=crlf\n*.go export-ignore\n",
            "$": "$Id$ $Format:%H$\n",
        },
        GOOD,
    ),
    "names of hooks and settings": (
        {
            "hooks/post-checkout": SCRIPT,
            "config": "[core]\n\tfsmonitor = {host}/program\n",
            "HEAD": "ref: refs/heads/main\n",
            "objects/x": "",
            "refs/x": "",
            ".envrc": "{host}/program\n",
            "sitecustomize.py": "open('{host}/MARK', 'w')\n",
            "conftest.py": "open('{host}/MARK', 'w')\n",
        },
        GOOD,
    ),
    "names that are options": (
        {
            "-toolexec={host}": "",
            "--upload-pack=touch MARK": "",
            "-o.go": CODE,
            "$(touch MARK).txt": "",
            "`touch MARK`.txt": "",
            "a\nb.txt": "",
            "\x1b[31m.txt": "",
        },
        ANY,
    ),
}
"""Files beside x.go and x_test.go, or in their place, and the statuses of the test. {host} is a folder of
the host that our user may read, {up} the same from where the repository is materialised."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What all stages did with the repositories."""

    host: Path
    dataset: Path
    records: dict[str, Execution]
    output: str


def name_of(title: str) -> str:
    return "hostile/" + re.sub(r"\W+", "-", title)


@pytest.fixture(scope="module")
def ran(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    base = tmp_path_factory.mktemp("hostile")
    host = machine.workspace.root / f"private-{os.getpid()}"
    shutil.rmtree(host, ignore_errors=True)
    host.mkdir()
    (host / "go.mod").write_text("module private.test/p\n\ngo 1.22\n")
    (host / "p.go").write_text(f'package p\n\nconst Key = "{SECRET}"\n')
    (host / "secret").write_text(f"{SECRET}\n")
    (host / "program").write_text(f"#!/bin/sh\ntouch {host}/MARK\n")
    (host / "program").chmod(0o755)
    host.chmod(0o777)
    lines = ["repositories:"]
    for title, (files, _) in REPOSITORIES.items():
        maker = GitMaker.create(base / name_of(title).replace("/", "-"))
        good: dict[str, File | str] = {
            "go.mod": "module x.test/x\n\ngo 1.22\n",
            "x.go": CODE,
            "x_test.go": TEST,
        }
        maker.commit({name: filled(file, host, machine) for name, file in (good | files).items()})
        maker.finish()
        lines.append(f"  - {{name: {name_of(title)}, source: {maker.path}, declared_licence: MIT}}")
    (base / "repos.yaml").write_text("\n".join(lines) + "\n")
    dataset, output = base / "dataset", ""
    for command in (["curate", str(base / "repos.yaml"), "--out", str(dataset)], ["verify", str(dataset)]):
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output
        output += result.output
    options = ExecuteOptions(repeat=1, test_seconds=30.0, memory_mib=512, build_seconds=300.0)
    records = run_stage(
        None, dataset, base, base / "run", options=options, reference=True, work=machine.workspace.root
    )
    repositories = {pair.id: pair.repository for pair in read_pairs(dataset)}
    yield Ran(host, dataset, {repositories[record.pair_id]: record for record in records}, output)
    shutil.rmtree(host)


def filled(file: File | str, host: Path, machine: Machine) -> File:
    mode, content = ("100644", file.encode()) if isinstance(file, str) else file
    up = os.path.relpath(host, machine.workspace.trees / "repository" / "revision" / "tree")
    return mode, content.replace(b"{host}", str(host).encode()).replace(b"{up}", up.encode())


@pytest.mark.parametrize("title", REPOSITORIES)
def test_a_hostile_repository_reaches_nothing_outside(title: str, ran: Ran) -> None:
    record = ran.records[name_of(title)]
    assert record.status in REPOSITORIES[title][1], (record.status, record.reason, record.evidence)
    assert "hunter2" not in str(record)


def test_hostile_repositories_leave_no_trace(ran: Ran, machine: Machine) -> None:
    assert sorted(path.name for path in ran.host.iterdir()) == ["go.mod", "p.go", "program", "secret"]
    assert SECRET not in ran.output
    for path in ran.dataset.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
    for path in machine.workspace.trees.rglob("*"):
        assert path.is_symlink() or not path.is_file() or SECRET.encode() not in path.read_bytes(), path
