"""Private modules: `--prepare` has the user's own settings of Go and git, and no test sees any of them."""

import base64
import functools
import http.server
import os
import shutil
import ssl
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from goutbench.execute import ExecuteOptions, evaluate, prepare
from goutbench.execute.inputs import PairLocation, text_candidate
from goutbench.execute.machine import Machine, open_machine
from goutbench.golang.toolchain.installation import go_env, run_go
from goutbench.locations import user_cache
from goutbench.records import Execution

PRIVATE = "corp.example/team/lib.git"
PUBLIC = "open.example/dep"
VERSION = "v1.0.0"
USER, PASSWORD = "build", "hunter2-of-the-proxy"

CODE = (
    f'package app\n\nimport (\n\t"{PRIVATE}"\n\t"{PUBLIC}"\n)\n\n'
    "func Sum() int { return lib.One() + dep.One() }\n"
)
LOOKS_AROUND = """package app

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestSum(t *testing.T) {
	if Sum() != 2 {
		t.Fatal("sum")
	}
	for _, path := range []string{%s} {
		if data, err := os.ReadFile(path); err == nil {
			t.Fatalf("%%s: %%s", path, data)
		}
	}
	for _, entry := range os.Environ() {
		if strings.Contains(entry, "corp.example") || strings.HasPrefix(entry, "SSH_") || strings.Contains(entry, "hunter2") {
			t.Fatal(entry)
		}
	}
	if out, _ := exec.Command("go", "env", "GOPRIVATE", "GOAUTH", "GOPROXY").Output(); strings.Contains(string(out), "corp") {
		t.Fatal(string(out))
	}
}
"""  # noqa: E501


@dataclass
class Proxy:
    """A module proxy on the loopback interface, with TLS and a password, and what it was asked for."""

    address: str
    certificate: Path
    asked: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


@pytest.fixture
def proxy(machine: Machine, tmp_path: Path) -> Iterator[Proxy]:
    served = tmp_path / "proxy"
    folder = served / PUBLIC / "@v"
    folder.mkdir(parents=True)
    module = f"module {PUBLIC}\n\ngo 1.22\n"
    (folder / "list").write_text(f"{VERSION}\n")
    (folder / f"{VERSION}.info").write_text(f'{{"Version":"{VERSION}"}}')
    (folder / f"{VERSION}.mod").write_text(module)
    with zipfile.ZipFile(folder / f"{VERSION}.zip", "w") as archive:
        archive.writestr(f"{PUBLIC}@{VERSION}/go.mod", module)
        archive.writestr(f"{PUBLIC}@{VERSION}/dep.go", "package dep\n\nfunc One() int { return 1 }\n")
    generator = machine.toolchain.goroot / "src" / "crypto" / "tls" / "generate_cert.go"
    env = go_env(machine.toolchain, cache=machine.workspace.build_cache / "own")
    done = run_go(machine.toolchain, ["run", str(generator), "--host=127.0.0.1"], cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    state = Proxy("", tmp_path / "cert.pem")
    expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            if self.headers.get("Authorization") == expected:
                super().do_GET()
            else:
                state.refused.append(self.path)
                self.send_response(401)
                self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    handler = functools.partial(Handler, directory=str(served))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        state.address = f"https://127.0.0.1:{server.server_port}"
        yield state
        server.shutdown()


def git(folder: Path, *arguments: str) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@example", *arguments]
    subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True)


@pytest.fixture
def home(tmp_path: Path, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a user who may read the private repository and the proxy: only its files say so."""
    private = tmp_path / "git" / "team" / "lib.git"
    private.mkdir(parents=True)
    (private / "go.mod").write_text(f"module {PRIVATE}\n\ngo 1.22\n")
    (private / "lib.go").write_text("package lib\n\nfunc One() int { return 1 }\n")
    git(private, "init", "-q", "-b", "main")
    git(private, "add", "-A")
    git(private, "commit", "-q", "-m", "x")
    git(private, "tag", VERSION)
    home = tmp_path / "home"
    (home / ".config" / "go").mkdir(parents=True)
    machine = proxy.address.removeprefix("https://")
    (home / ".netrc").write_text(f"machine {machine}\nlogin {USER}\npassword {PASSWORD}\n")
    (home / ".netrc").chmod(0o600)
    (home / ".gitconfig").write_text(
        f'[url "file://{tmp_path}/git/"]\n\tinsteadOf = https://corp.example/\n'
        '[protocol "file"]\n\tallow = always\n[safe]\n\tdirectory = *\n'
    )
    # as `go env -w` writes it; GOFLAGS is ours
    settings = (
        f"GOPRIVATE=corp.example\nGOPROXY={proxy.address}\nGOFLAGS=-mod=vendor\n"
        "GONOSUMDB=corp.example,open.example\n"
    )
    (home / ".config" / "go" / "env").write_text(settings)
    monkeypatch.setenv("XDG_CACHE_HOME", str(user_cache()))  # of our Go helpers
    for name in [name for name in os.environ if name.startswith(("GO", "GIT_", "XDG_CONFIG"))]:
        if not name.startswith("GOUTBENCH"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SSL_CERT_FILE", str(proxy.certificate))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    return home


@pytest.fixture
def repositories(machine: Machine, home: Path, proxy: Proxy) -> Path:
    folder = machine.workspace.trees / "private-modules"
    shutil.rmtree(folder, ignore_errors=True)
    root = folder / "example" / "app"
    root.mkdir(parents=True)
    requires = f"require (\n\t{PRIVATE} {VERSION}\n\t{PUBLIC} {VERSION}\n)\n"
    (root / "go.mod").write_text(f"module example.test/app\n\ngo 1.22\n\n{requires}")
    (root / "x.go").write_text(CODE)
    (root / "x_test.go").write_text("package app\n")
    env = {**os.environ, "GOMODCACHE": str(folder / "own"), "GOFLAGS": "-modcacherw", "GOWORK": "off"}
    done = subprocess.run(
        [machine.toolchain.go, "mod", "tidy"], cwd=root, env=env, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr  # what the user's own go does
    proxy.asked.clear()
    return folder


@pytest.fixture
def fresh(machine: Machine) -> Iterator[Machine]:
    work = machine.workspace.root / "scratch" / "private-work"
    shutil.rmtree(work, ignore_errors=True)
    fresh = open_machine(work=work)
    shutil.rmtree(fresh.workspace.build_cache)
    fresh.workspace.build_cache.symlink_to(machine.workspace.build_cache)
    yield fresh
    subprocess.run(["chmod", "-R", "u+w", str(work)], check=True)
    shutil.rmtree(work)


def execute(fresh: Machine, repositories: Path, home: Path) -> Execution:
    pair = PairLocation("a", "example/app", "1", "x.go", "x_test.go")
    secrets = ", ".join(f'"{home / name}"' for name in (".netrc", ".gitconfig", ".config/go/env"))
    return evaluate(
        [text_candidate("a", "m", LOOKS_AROUND % secrets)], {"a": pair}, repositories=repositories,
        options=ExecuteOptions(repeat=1, build_seconds=600), work=fresh.workspace.root,
    )[0]  # fmt: skip


def test_prepare_downloads_private_modules_and_hides_how(
    fresh: Machine, proxy: Proxy, repositories: Path, home: Path
) -> None:
    pair = PairLocation("a", "example/app", "1", "x.go", "x_test.go")
    downloads = list(prepare([pair], repositories=repositories, work=fresh.workspace.root))
    assert [(done.result, done.problem) for done in downloads] == [("downloaded", "")]
    assert any(path.startswith(f"/{PUBLIC}/") for path in proxy.asked)
    assert proxy.refused == []
    assert [path for path in proxy.asked if "corp" in path or "lib" in path] == []
    record = execute(fresh, repositories, home)
    assert (record.status, record.reason) == ("PASSED", ""), record.evidence
    stored = (path for path in fresh.workspace.root.rglob("*") if path.is_file() and not path.is_symlink())
    assert [path for path in stored if PASSWORD.encode() in path.read_bytes()] == []


def test_without_the_users_settings_nothing_is_downloaded(
    fresh: Machine, proxy: Proxy, repositories: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fixture's settings are what makes the difference."""
    shutil.rmtree(home)
    home.mkdir()
    pair = PairLocation("a", "example/app", "1", "x.go", "x_test.go")
    monkeypatch.setenv("GOPROXY", proxy.address)  # the default would be a proxy on the network
    downloads = list(prepare([pair], repositories=repositories, work=fresh.workspace.root))
    assert [done.result for done in downloads] == ["not downloaded"]
    assert proxy.refused


def test_a_newer_toolchain_is_downloaded_if_the_user_permits_it(
    fresh: Machine, proxy: Proxy, repositories: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = repositories / "example" / "app"
    (root / "go.mod").write_text((root / "go.mod").read_text().replace("go 1.22", "go 1.99"))
    pair = PairLocation("a", "example/app", "1", "x.go", "x_test.go")
    for permission, go, asks in (
        ("auto", None, True),
        ("local", None, False),
        ("auto", fresh.toolchain.go, False),  # the user named one
    ):
        monkeypatch.setenv("GOTOOLCHAIN", permission)
        proxy.asked.clear()
        download = next(prepare([pair], repositories=repositories, work=fresh.workspace.root, go=go))
        assert download.result == "not downloaded"
        assert any("golang.org/toolchain" in path for path in proxy.asked) is asks, download.problem
