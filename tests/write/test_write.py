"""Tests for a work tree: which of a model's tests stay, what the patch does, and what stays as it is."""

from judging import with_inspect
from writing import Tree, reply, test

from goutbench.write.results import ADDS_NOTHING, CLASHES, FAILS, FLAKY, NO_BUILD, NOT_RUN, VET

LOW = test("TestLow", "check(t, Clamp(0, 1, 9) == 1)")
IDLE = test("TestIdle", "check(t, Clamp(4, 1, 9) == 4)")
HIGH = test("TestClamp", 'if Clamp(10, 1, 9) != 9 {\n\t\tt.Error("high")\n\t}')
CLAMP = reply(
    "calc",
    LOW,
    IDLE,
    HIGH,
    test("TestWrong", "check(t, Clamp(0, 1, 9) == 2)"),
    test("TestNoBuild", "check(t, Limit(0, 1, 9) == 1)"),
    test("TestVet", 'check(t, Clamp(9, 1, 9) == 9)\n\tt.Errorf("%d", "x")'),
    test("TestFlaky", "runs := os.Getpid() % 2\n\tcheck(t, Clamp(0, 1, 9) == 1+runs)"),
    "func BenchmarkClamp(b *testing.B) {\n\tClamp(1, 2, 3)\n}\n",
    "func TestMain(m *testing.M) {\n\tm.Run()\n}\n",
    imports=("os", "testing"),
)


@with_inspect
def test_each_test_of_a_reply_is_judged_alone(tree: Tree) -> None:
    tree.contents()
    result = tree.write(tree.script(("tests for `Clamp`", CLAMP)), "./calc", functions="Clamp")
    for t in result.tests:
        print(t.name, t.reason, t.detail, t.adds)
    print(result.patch.decode())
    print(result.targets)
    assert {item.name: item.reason for item in result.dropped} == {
        "TestIdle": ADDS_NOTHING,
        "TestWrong": FAILS,
        "TestNoBuild": NO_BUILD,
        "TestVet": VET,
        "TestFlaky": FLAKY,
        "BenchmarkClamp": NOT_RUN,
        "TestMain": CLASHES,
    }
