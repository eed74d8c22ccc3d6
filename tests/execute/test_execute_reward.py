"""The reward, from completions through assembly and the real sandbox: better tests get higher rewards."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from judging import make_pair
from reporting import execution

from goutbench.execute import ExecuteOptions
from goutbench.execute.machine import Machine
from goutbench.execute.reward import execution_reward, reward_of
from goutbench.records import Execution, Mutation, Rung, Status

DATA = Path(__file__).parents[1] / "data" / "execute"

GOOD = """func TestSum(t *testing.T) {
	for n, want := range map[int]int{0: 0, 1: 1, 3: 6, -2: 0} {
		if got := Sum(n); got != want {
			t.Errorf("Sum(%d) = %d", n, got)
		}
	}
}"""
BODIES = {
    "kills mutants": GOOD,
    "only covers": "func TestSum(t *testing.T) { Sum(3) }",
    "tests nothing": "func TestSum(t *testing.T) {}",
    "fails": "func TestSum(t *testing.T) { t.Fatal(Sum(3)) }",
    "does not build": "func TestSum(t *testing.T) { Summ(3) }",
    "no code": "",
}


@pytest.fixture
def repositories(machine: Machine, tmp_path: Path) -> tuple[Path, str]:
    work = tmp_path / "calc"
    shutil.copytree(DATA / "calc", work)
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "all"]):
        subprocess.run(["git", *command], cwd=work, check=True)
    bare = tmp_path / "repos" / "example__calc.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(work), str(bare)], check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=work, check=True, capture_output=True, text=True)
    return bare.parent, head.stdout.strip()


def test_better_tests_get_higher_rewards(machine: Machine, repositories: tuple[Path, str]) -> None:
    code = (DATA / "calc" / "calc.go").read_text()
    pair = replace(
        make_pair(0), id="calc", repository="example/calc", revision=repositories[1], code=code,
        code_path="calc.go", test_path="calc_test.go",
    )  # fmt: skip
    broken = replace(pair, id="absent", repository="example/absent")
    reward = execution_reward(
        {"calc": pair, "absent": broken}, repositories=repositories[0], work=machine.workspace.root,
        options=ExecuteOptions(repeat=1, mutants=0, test_seconds=8.0, memory_mib=512, build_seconds=60.0),
    )  # fmt: skip
    texts = [
        f'```go\npackage calc\n\nimport "testing"\n\n{body}\n```' if body else "I cannot."
        for body in BODIES.values()
    ]
    conversations = [[{"role": "assistant", "content": text}] for text in texts]
    count = len(texts)
    rewards = reward(
        prompts=[""] * count, completions=conversations, pair_id=["calc"] * count, focal=[["Sum"]] * count
    )
    worth = dict(zip(BODIES, rewards, strict=True))
    assert None not in rewards
    assert worth["kills mutants"] > worth["only covers"] > worth["tests nothing"] > worth["fails"]
    assert worth["fails"] > worth["does not build"] > worth["no code"] == 0.0
    assert worth["tests nothing"] == 0.5
    assert worth["only covers"] == 0.55  # nine mutants, and coverage is worth one more
    assert reward(prompts=[""], completions=texts[:1], pair_id=["calc"]) != [None]  # plain texts, whole file
    assert reward(prompts=[""], completions=texts[:1], pair_id=["absent"]) == [None]


@pytest.mark.parametrize(("killed", "tested"), [(1, 1), (1, 40), (20, 400), (400, 400)])
def test_a_mutant_more_is_worth_more_than_complete_coverage(killed: int, tested: int) -> None:
    checks = passing(killed, tested, covered=1)
    covers = passing(killed - 1, tested, covered=10)
    assert (reward_of(checks) or 0.0) >= (reward_of(covers) or 0.0)
    assert (reward_of(checks) or 0.0) > (reward_of(passing(killed - 1, tested, covered=9)) or 0.0)
    assert (reward_of(passing(tested, tested, covered=10)) or 0.0) == 1.0


def passing(killed: int, tested: int, *, covered: int) -> Execution:
    score = killed / tested
    mutation = Mutation(tested, killed, tested - killed, 0, 0, 0, score, score, score)
    record = execution("1", make_pair(0), "model", Status.PASSED, Rung.MUTATION, "")
    return replace(record, statements=10, covered=covered, focal_statements=0, mutation=mutation)
