"""The package `shop`, and what two scripted models reply about its functions: for the tests of `harvest`."""

from goutbench.generate.options import GenerateOptions

OPTIONS = GenerateOptions(unit="function")
GRADE = """func {name}(points int) string {{
	if points > 90 {{
		return "best"
	}}
	if points > 50 {{
		return "good"
	}}
	if points < 0 {{
		return "invalid"
	}}
	return "poor"
}}
"""
CODE = {
    "sum": """func Sum(xs []int) int {
	total := 0
	for _, x := range xs {
		total += x
	}
	return total
}

func Max(xs []int) int {
	best := xs[0]
	for _, x := range xs {
		if x > best {
			best = x
		}
	}
	return best
}
""",
    "text": """func Reverse(s string) string {
	out := []rune(s)
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return string(out)
}
""",
    "grade": GRADE.format(name="Grade"),
    "level": GRADE.format(name="Level"),
}


def go_test(name: str, body: str) -> str:
    return f'package shop\n\nimport "testing"\n\nfunc Test{name}(t *testing.T) {{\n{body}\n}}\n'


def table(name: str, call: str, kind: str, *cases: tuple[str, str]) -> str:
    lines = "\n".join(f"\t\t{{{value}, {want}}}," for value, want in cases)
    return go_test(
        name,
        f"\tfor _, c := range []struct{{ in {kind}; want {'string' if 'string' in kind else 'int'} }}{{\n"
        f"{lines}\n\t}} {{\n\t\tif got := {call}(c.in); got != c.want {{\n"
        '\t\t\tt.Errorf("%v: %v", c.in, got)\n\t\t}\n\t}',
    )


GRADES = go_test(
    "Grades",
    """	want := map[int]string{
		100: "best", 91: "best", 90: "good", 51: "good", 50: "poor", 0: "poor", -1: "invalid",
	}
	for points, grade := range want {
		if Grade(points) != grade {
			t.Error(points, grade, Grade(points))
		}
	}""",
)
TESTS = {
    "sum": go_test("SumAndMax", "\tif Sum([]int{1}) != 1 || Max([]int{1}) != 1 { t.Fatal() }"),
    "text": go_test("Text", '\tif Reverse("ab") != "ba" { t.Fatal() }'),
    "grade": GRADES,
    "level": go_test("Level", '\tif Level(95) != "best" { t.Fatal("not the best") }'),
}
SUMS = table("Sums", "Sum", "[]int", ("nil", "0"), ("[]int{3}", "3"), ("[]int{1, -4, 9}", "6"))
STRONG = {
    "Sum": SUMS,
    "Max": go_test("Largest", '\tif Max([]int{1, 2}) != 1 { t.Error("not the first") }'),
    "Reverse": go_test(
        "Mirror",
        '\tif Reverse("") != "" || Reverse("x") != "x" {\n\t\tt.Error("short texts change")\n\t}\n'
        '\tif got := Reverse("abcdé"); got != "édcba" {\n\t\tt.Fatalf("Reverse is %q", got)\n\t}',
    ),
    "Grade": go_test("Best", '\tif Grade(99) != "best" { t.Error("99") }'),
    "Level": go_test("Top", '\tif Level(99) != "best" { t.Error("99 is not the best") }'),
}
WEAK = {
    "Sum": go_test("Nothing", '\tif Sum(nil) != 0 { t.Error("nothing is something") }'),
    "Max": SUMS.replace("Sums", "Totals").replace("got", "result"),  # a near-duplicate about another function
    "Reverse": GRADES,  # the test of a held-out pair
}
SPLITS = {"sum": "train", "text": "train", "level": "train", "grade": "test"}
GROUPS = {"sum": "sum", "text": "text", "level": "grade", "grade": "grade"}
