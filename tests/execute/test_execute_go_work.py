"""Workspaces of go.work: the verdict is that of `go test`, and the proxy never hears of a member."""

import functools
import http.server
import os
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from plain_go import plain_go

from goutbench.execute import ExecuteOptions, evaluate, prepare
from goutbench.execute.inputs import PairLocation, text_candidate
from goutbench.execute.machine import Machine, open_machine

LEAF = {
    "a/go.mod": "module example.test/a\n\ngo 1.22\n",
    "a/x.go": "package a\n\nfunc One() int { return 1 }\n",
    "a/x_test.go": 'package a\n\nimport "testing"\n\nfunc TestOne(t *testing.T) {\n'
    "\tif One() != 1 {\n\t\tt.Fatal()\n\t}\n}\n",
}
MEMBERS = LEAF | {
    "b/go.mod": "module example.test/b\n\ngo 1.22\n",
    "b/x.go": 'package b\n\nimport "example.test/a"\n\nfunc One() int { return a.One() }\n',
    "b/x_test.go": LEAF["a/x_test.go"].replace("package a", "package b"),
}
REQUIRES = MEMBERS | {"b/go.mod": MEMBERS["b/go.mod"] + "\nrequire example.test/a v0.0.0\n"}
VENDORED = {
    "go.work": "go 1.22\n\nuse ./b\n",
    "b/go.mod": "module example.test/b\n\ngo 1.22\n\nrequire example.test/a v1.0.0\n",
    "b/x.go": MEMBERS["b/x.go"],
    "b/x_test.go": MEMBERS["b/x_test.go"],
    "vendor/example.test/a/x.go": LEAF["a/x.go"],
    "vendor/modules.txt": "## workspace\n# example.test/a v1.0.0\n## explicit; go 1.22\nexample.test/a\n",
}
LAYOUTS: dict[str, tuple[dict[str, str], str]] = {
    "use": ({**MEMBERS, "go.work": "go 1.22\n\nuse (\n\t./a\n\t./b\n)\n"}, "PASSED"),
    "requires": ({**REQUIRES, "go.work": "go 1.22\n\nuse (\n\ta\n\tb\n)\n"}, "PASSED"),
    "replace": (
        {**REQUIRES, "go.work": "go 1.22\n\nuse ./b\n\nreplace example.test/a => ./a\n"},
        "PASSED",
    ),
    "vendored": (VENDORED, "PASSED"),
    "nested": (
        {**MEMBERS, "go.work": "go 1.22\n\nuse ./none\n", "b/go.work": "go 1.22\n\nuse (\n\t.\n\t../a\n)\n"},
        "PASSED",
    ),
    "off": ({**MEMBERS}, "INFRA_FAILURE package-broken"),
    "missing": ({**MEMBERS, "go.work": "go 1.22\n\nuse (\n\t./b\n\t./none\n)\n"}, "INFRA_FAILURE go-work"),
    "not-listed": (
        {name.replace("a/", to): text for name, text in LEAF.items() for to in ("a/", "b/")}
        | {"go.work": "go 1.22\n\nuse a\n"},
        "INFRA_FAILURE go-work",
    ),
    "unreadable": ({**MEMBERS, "go.work": "go 1.22\n\nsurprise ./b\n"}, "INFRA_FAILURE go-work"),
    "outside": (MEMBERS | {"go.work": "go 1.22\n\nuse (\n\tb\n\t../use/a\n)\n"}, "INFRA_FAILURE no-source"),
}  # fmt: skip


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def go_test(machine: Machine, folder: Path) -> bool:
    """Whether `go test` passes in the folder, as a user calls it but without a network."""
    return plain_go(machine.toolchain, ["test", "."], folder, GOWORK="").returncode == 0


def test_go_work_is_read_as_go_reads_it(machine: Machine) -> None:
    repositories = machine.workspace.trees / "go-work-source"
    shutil.rmtree(repositories, ignore_errors=True)
    pairs, candidates = {}, []
    for name, (files, _) in LAYOUTS.items():
        write(repositories / "example" / name, files)
        pairs[name] = PairLocation(name, f"example/{name}", "1", "b/x.go", "b/x_test.go")
        candidates.append(text_candidate(name, "reference", files["b/x_test.go"]))
    options = ExecuteOptions(repeat=1, build_seconds=600)
    records = evaluate(
        candidates, pairs, repositories=repositories, options=options, work=machine.workspace.root
    )
    got = {record.pair_id: f"{record.status} {record.reason}".strip() for record in records}
    assert got == {name: verdict for name, (_, verdict) in LAYOUTS.items()}
    for name in LAYOUTS.keys() - {"outside"}:  # `go test` reads the folder there, a clone has none
        assert go_test(machine, repositories / "example" / name / "b") == (got[name] == "PASSED"), name


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """The address of a module proxy with one module, and the paths that it was asked for."""
    folder, asked = tmp_path / "example.test" / "dep" / "@v", []
    module = "module example.test/dep\n\ngo 1.22\n"
    write(
        folder,
        {"list": "v1.0.0\n", "v1.0.0.mod": module, "v1.0.0.info": '{"Version":"v1.0.0"}'},
    )
    with zipfile.ZipFile(folder / "v1.0.0.zip", "w") as archive:
        archive.writestr("example.test/dep@v1.0.0/go.mod", module)
        archive.writestr("example.test/dep@v1.0.0/dep.go", "package dep\n\nfunc One() int { return 1 }\n")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:
            asked.append(self.path)

    handler = functools.partial(Handler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def test_prepare_asks_no_proxy_for_the_members_of_a_workspace(
    machine: Machine, proxy: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, asked = proxy
    monkeypatch.setenv("GOPROXY", address)
    monkeypatch.setenv("GOSUMDB", "off")
    repositories = machine.workspace.trees / "go-work-prepare"
    shutil.rmtree(repositories, ignore_errors=True)
    root = repositories / "example" / "w"
    files = REQUIRES | {
        "go.work": "go 1.22\n\nuse (\n\t./a\n\t./b\n)\n",
        "a/go.mod": LEAF["a/go.mod"] + "\nrequire example.test/dep v1.0.0\n",
        "a/x.go": 'package a\n\nimport "example.test/dep"\n\nfunc One() int { return dep.One() }\n',
    }
    write(root, files)
    env = {**os.environ, "GOMODCACHE": str(repositories / "own"), "GOFLAGS": "-modcacherw", "GOWORK": "off"}
    subprocess.run([machine.toolchain.go, "mod", "tidy"], cwd=root / "a", env=env, check=True)
    before = sorted(root.rglob("*"))
    asked.clear()
    pair = PairLocation("b", "example/w", "1", "b/x.go", "b/x_test.go")
    work = machine.workspace.root / "scratch" / "fresh-work"
    shutil.rmtree(work, ignore_errors=True)
    fresh = open_machine(work=work)
    shutil.rmtree(fresh.workspace.build_cache)
    fresh.workspace.build_cache.symlink_to(machine.workspace.build_cache)
    try:
        downloads = list(prepare([pair], repositories=repositories, work=work))
        assert [(done.result, done.problem) for done in downloads] == [("downloaded", "")]
        assert asked
        assert [path for path in asked if not path.startswith("/example.test/dep/")] == []
        record = evaluate(
            [text_candidate("b", "reference", files["b/x_test.go"])], {"b": pair}, repositories=repositories,
            options=ExecuteOptions(repeat=1, build_seconds=600), work=work,
        )[0]  # fmt: skip
        assert (record.status, record.reason, record.covered) == ("PASSED", "", 1)
        assert sorted(root.rglob("*")) == before
    finally:
        subprocess.run(["chmod", "-R", "u+w", str(work)], check=True)
        shutil.rmtree(work)
