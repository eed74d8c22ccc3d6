"""Dependencies: a missing module is an infrastructure error, which preparing over a file:// GOPROXY fixes."""

import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from judging import make_pair, write_dataset

from goutbench.errors import SourceError
from goutbench.execute import ExecuteOptions, evaluate, prepare
from goutbench.execute.inputs import PairLocation, text_candidate
from goutbench.execute.machine import Machine, open_machine
from goutbench.execute.stage import run_prepare
from goutbench.execute.workspace.trees import materialise, repository_folder

FILES = {
    "go.mod": "module example.test/app\n\ngo 1.22\n\nrequire example.test/dep v1.0.0\n",
    "app.go": 'package app\n\nimport "example.test/dep"\n\nfunc Name() string { return dep.Name() }\n',
    "app_test.go": 'package app\n\nimport "testing"\n\nfunc TestName(t *testing.T) {\n'
    '\tif Name() != "dep" {\n\t\tt.Fatal(Name())\n\t}\n}\n',
}


BEYOND = (
    'package app\n\nimport (\n\t"testing"\n\n\t"example.test/far"\n)\n\n'
    "func TestFar(t *testing.T) {\n\tfar.Far()\n}\n"
)

CALLS_GO = (
    'package app\n\nimport (\n\t"os/exec"\n\t"testing"\n)\n\nfunc TestGo(t *testing.T) {\n'
    '\tif out, err := exec.Command("go", %s).CombinedOutput(); err != nil {\n'
    '\t\tt.Fatalf("%%v: %%s", err, out)\n\t}\n}\n'
)


@pytest.fixture
def proxy(tmp_path: Path) -> str:
    """A module proxy in a folder, with one version of two modules, the first of which requires the other."""
    sources = {
        "dep": ("\nrequire example.test/far v1.0.0\n", 'func Name() string { return "dep" }\n'),
        "far": ("", "func Far() {}\n"),
    }
    for name, (requires, code) in sources.items():
        folder = tmp_path / "proxy" / "example.test" / name / "@v"
        folder.mkdir(parents=True)
        module = f"module example.test/{name}\n\ngo 1.22\n{requires}"
        (folder / "list").write_text("v1.0.0\n")
        (folder / "v1.0.0.info").write_text('{"Version":"v1.0.0","Time":"2024-01-01T00:00:00Z"}')
        (folder / "v1.0.0.mod").write_text(module)
        with zipfile.ZipFile(folder / "v1.0.0.zip", "w") as archive:
            prefix = f"example.test/{name}@v1.0.0"
            archive.writestr(f"{prefix}/go.mod", module)
            archive.writestr(f"{prefix}/{name}.go", f"package {name}\n\n{code}")
    return f"file://{tmp_path / 'proxy'}"


def test_prepare_downloads_the_modules_that_execution_needs(
    machine: Machine, tmp_path: Path, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOPROXY", proxy)
    monkeypatch.setenv("GONOSUMDB", "*")
    monkeypatch.setenv("GOSUMDB", "off")
    app = machine.workspace.trees / "app-source" / "example" / "app"
    shutil.rmtree(app, ignore_errors=True)
    app.mkdir(parents=True)
    for name, text in FILES.items():
        (app / name).write_text(text)
    env = {**os.environ, "GOMODCACHE": str(tmp_path / "other-cache"), "GOFLAGS": "-mod=mod -modcacherw"}
    subprocess.run([machine.toolchain.go, "mod", "tidy"], cwd=app, env=env, check=True, capture_output=True)
    pairs = {"app": PairLocation("app", "example/app", "1", "app.go", "app_test.go")}
    # a workspace of its own, so that no module is downloaded yet; it shares the build cache
    work = machine.workspace.root / "scratch" / "fresh"
    shutil.rmtree(work, ignore_errors=True)
    fresh = open_machine(work=work)
    shutil.rmtree(fresh.workspace.build_cache)
    fresh.workspace.build_cache.symlink_to(machine.workspace.build_cache)

    def status(test: str = FILES["app_test.go"], *, mode: str = "append") -> tuple[str, str]:
        record = evaluate(
            [text_candidate("app", "reference", test, mode=mode)], pairs, repositories=app.parents[1],
            options=ExecuteOptions(repeat=1), work=work,
        )[0]  # fmt: skip
        return record.status, record.reason

    try:
        assert status() == ("INFRA_FAILURE", "missing-module")
        assert [done.result for done in prepare(pairs.values(), repositories=app.parents[1], work=work)] == [
            "downloaded"
        ]
        assert status() == ("PASSED", "")
        # in the module graph, and yet not among what go.mod and go.sum give: the candidate may not import it
        assert status(BEYOND) == ("BUILD_FAILED", "module-not-required")
        # a test that calls the go command has the modules, and no network
        assert status(CALLS_GO % '"build", "."') == ("PASSED", "")
        fetching = CALLS_GO % '"mod", "download", "example.test/none@v1.0.0"'
        assert status(fetching, mode="reference") == ("INFRA_FAILURE", "needs-network")
        assert status(fetching) == ("TESTS_FAILED", "assertion")
    finally:
        subprocess.run(["chmod", "-R", "u+w", str(work)], check=True)
        shutil.rmtree(work)


def test_prepare_downloads_for_the_repositories_of_the_candidates_alone(
    machine: Machine, tmp_path: Path
) -> None:
    here, elsewhere = make_pair(0), make_pair(1)
    dataset = write_dataset(tmp_path / "set", [here, elsewhere])
    app = machine.workspace.trees / "prepare-source" / here.repository
    app.mkdir(parents=True, exist_ok=True)
    (app / "go.mod").write_text("module example.test/app\n\ngo 1.22\n")
    (app / here.code_path).write_text(here.code)
    candidates = tmp_path / "candidates.jsonl"
    row = {"pair_id": here.id, "model": "m", "code": here.test}
    candidates.write_text(json.dumps(row) + "\n")
    repositories = machine.workspace.trees / "prepare-source"
    lines = list(run_prepare(dataset, repositories, candidates=candidates, work=machine.workspace.root))
    assert [Path(line.partition(": ")[0]) for line in lines] == [app]
    with pytest.raises(SourceError, match=elsewhere.repository):
        list(run_prepare(dataset, repositories, work=machine.workspace.root))


def test_a_materialised_tree_equals_its_commit(machine: Machine, tmp_path: Path) -> None:
    """Attributes that would change an archive do not count; a missing blob is left out and named."""
    work = tmp_path / "work"
    work.mkdir()
    (work / ".gitattributes").write_text("secret.txt export-ignore\nversion.txt export-subst\n")
    (work / "secret.txt").write_text("secret")
    (work / "version.txt").write_text("$Format:%H$")
    (work / "lost.txt").write_text("lost")
    (work / "inside").symlink_to("secret.txt")
    (work / "outside").symlink_to("../../../etc/passwd")
    git = ["git", "-C", str(work), "-c", "user.name=t", "-c", "user.email=t@example.test"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *arguments], check=True, capture_output=True)
    revision, lost = (
        subprocess.run([*git, "rev-parse", name], check=True, capture_output=True, text=True).stdout.strip()
        for name in ("HEAD", "HEAD:lost.txt")
    )
    (work / ".git" / "objects" / lost[:2] / lost[2:]).unlink()
    cache = tmp_path / "cache"
    (cache / "example").mkdir(parents=True)
    (work / ".git").rename(cache / "example__lossy.git")
    shutil.rmtree(machine.workspace.trees / "example__lossy", ignore_errors=True)

    tree = materialise(
        repository_folder(cache, "example/lossy"), "example/lossy", revision, machine.workspace
    )

    assert tree.missing == ("lost.txt",)
    assert (tree.root / "secret.txt").read_text() == "secret"
    assert (tree.root / "version.txt").read_text() == "$Format:%H$"
    assert (tree.root / "inside").readlink() == Path("secret.txt")
    assert not (tree.root / "outside").is_symlink()
    with pytest.raises(SourceError, match="no readable commit"):
        materialise(repository_folder(cache, "example/lossy"), "example/lossy", "f" * 40, machine.workspace)
    with pytest.raises(SourceError, match="example/other not found"):
        repository_folder(cache, "example/other")
