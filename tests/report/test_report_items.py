"""An item on the page, in a real headless Chromium: what happened, at which lines, and how to move on."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from chromium import needs_chromium, opened_page
from judging import make_pair, write_dataset
from reporting import PASSED, write_run

from goutbench.execute.journal import write_table
from goutbench.report.inputs import read_run
from goutbench.report.stage import report

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_chromium
CODE = """package p

// F counts.
func F(x int) int {
	if x > 1 {
		return 2
	} else if x < 0 { return 3 }
	for x > 0 { x-- }
	return 1
}
"""

NEVER_RUN = """package p

var table = map[string]func() int{
	"one": func() int { return 1 },
	"two": func() int { return two },
	"len": size,
}

var two = 2

func size() int { return 3 }

func Never(a interface{}, b int) error {
	switch b {
	case 1:
		b++
	}
	if b > 2 {
		b--
	} else {
		run(func() {
			b++
		}, b)
	}
	return nil
}

func Gone(
	done <-chan struct{}, b int,
) (interface{}, error) {
	return b, nil
}

func Done(done <-chan struct{}, b int) struct{ int } { return struct{ int }{b} }

func run(f func(), b int) { f() }
"""
NEVER_RUN_BLOCKS = (
    "5.20-5.34", "13.40-14.11", "15.9-16.6", "18.2-18.11", "18.11-20.3", "20.8-21.14", "21.14-23.4",
    "25.2-25.12", "30.24-32.2", "34.54-34.81", "36.27-36.34",
)  # fmt: skip
"""The blocks of `go test -coverprofile` that a test missed which calls the first and last of the table."""


def address(number: int, model: str) -> str:
    """The deep link to an item."""
    return f"#item?pair={number + 1:016x}&model={model}&focal=&sample=0&round=0"


def at_item(tab: "Page", number: int) -> None:
    """Wait until the item of this number is shown."""
    from playwright.sync_api import expect

    expect(tab.locator("#where")).to_contain_text(f"f{number}.go")
    tab.wait_for_selector("#body .summary")


def test_an_item_says_what_happened_and_shows_texts_replies_and_verdicts(opened: "Page") -> None:
    opened.select_option("#filter select[name=model]", "org/tuned")
    opened.fill("#filter input[name=text]", "f1.go")
    opened.click("#list tbody th a")
    at_item(opened, 1)
    sentence = (
        "The test passes, covers 1 of 2 statements of the focal file and kills 3 of 4 mutants (1 undetected)."
    )
    assert opened.inner_text("#body .summary") == sentence
    text = opened.inner_text("#body")
    for expected in (
        "by org/tuned", "Reference test · f1_test.go", "1 of 2 statements covered", "3 killed, 1 survived",
        "1,200 tokens in, 34 out · 0.5 s · cost 0.250 · stop reason: stop",
        "strict: org/tuned against org/base: loss", "The second checks the result.",
    ):  # fmt: skip
        assert expected in text
    assert "func Double1" in opened.inner_text("#body .focal div.miss")
    opened.click("#body details summary")
    opened.wait_for_selector("#body details pre")
    assert "Write tests." in opened.inner_text("#body details")
    opened.select_option("#body select[name=candidate]", label="reference")
    opened.wait_for_selector("#body h3 >> text=Surviving mutants (bugs no test noticed)")
    assert "4.40 arithmetic: * → /" in opened.inner_text("#body")
    opened.click("#back")
    assert not opened.is_visible("#item")


def test_mutants_are_in_the_code_and_selected_by_verdict(browser: "Browser", page: Path) -> None:
    with opened_page(browser, page, address=address(1, "org/tuned")) as tab:
        at_item(tab, 1)
        signs = tab.locator(".focal .dot:visible")
        assert signs.count() == 1
        assert signs.get_attribute("aria-label") == "line 4, survived: * becomes /"
        signs.click()
        assert (
            tab.inner_text(".focal .change:visible .changed") == "func Double1(x int) int { return 2 */ x }"
        )
        assert "no test fails with this change" in tab.inner_text(".focal .change:visible small")
        tab.click("#body .choice button >> text=killed 3")
        assert signs.count() == 4
        assert tab.locator(".focal .line:has(.dot)").inner_text().split("\t")[-1].startswith("4")
        tab.click("#body .choice button >> text=survived 1")
        assert signs.count() == 3
        assert tab.locator(".focal .change:visible").count() == 0
        tab.keyboard.press("j")
        at_item(tab, 4)
        tab.keyboard.press("j")
        at_item(tab, 7)
        assert tab.locator(".focal .dot:visible").count() == 3


def test_another_answer_keeps_the_place_in_the_list(browser: "Browser", page: Path) -> None:
    with opened_page(browser, page, address="#items?model=org%2Ftuned&unknown=1") as tab:
        tab.click("#list tbody tr:nth-child(2) th a")
        tab.wait_for_selector("#body .summary")
        place = tab.inner_text("#position")
        assert place.startswith("2 of")
        menu = tab.locator("#body select").first
        menu.select_option(index=0)
        tab.wait_for_selector("#body .summary")
        assert menu.input_value() != "org/tuned"
        assert tab.inner_text("#position") == place
        assert tab.is_enabled("#previous")


def test_an_error_of_the_compiler_is_at_its_line_of_the_candidate(browser: "Browser", page: Path) -> None:
    with opened_page(browser, page, address=address(4, "org/base")) as tab:
        at_item(tab, 4)
        sentence = tab.inner_text("#body .summary")
        assert sentence.startswith("The test does not build: undefined symbol, line 6: undefined")
        line = tab.locator(".own .line:has(+ .message)")
        assert line.locator("i").inner_text() == "6"
        assert tab.locator(".focal .dot, .focal .hit, .focal .miss, .legend").count() == 0


def test_keys_step_through_the_list_and_the_back_button_returns(opened: "Page") -> None:
    opened.select_option("#filter select[name=model]", "org/tuned")
    opened.select_option("#filter select[name=class]", "passed")
    links = opened.locator("#list tbody th a")
    paths = links.all_inner_texts()
    links.first.click()
    opened.wait_for_selector("#body .summary")
    assert opened.inner_text("#position") == "1 of 9"
    assert opened.is_disabled("#previous")
    for key, at in (("j", 1), ("j", 2), ("k", 1)):
        opened.keyboard.press(key)
        at_item(opened, int(paths[at][1:-3]))
    opened.go_back()
    at_item(opened, int(paths[2][1:-3]))
    for _ in range(3):
        opened.go_back()
    opened.wait_for_selector("#item", state="hidden")
    assert opened.input_value("#filter select[name=class]") == "passed"


def test_the_test_beside_it_can_be_chosen_and_is_part_of_the_address(browser: "Browser", page: Path) -> None:
    with opened_page(browser, page, address=address(1, "org/tuned")) as tab:
        at_item(tab, 1)
        assert "by org" not in tab.inner_text(".beside pre")
        tab.select_option(".beside select", label="org/base")
        assert "by org/base" in tab.inner_text(".beside pre")
        tab.reload()
        at_item(tab, 1)
        assert "by org/base" in tab.inner_text(".beside pre")
        assert "by org/tuned" in tab.inner_text(".own pre")


def test_the_texts_of_a_candidate_are_never_markup(browser: "Browser", page: Path) -> None:
    """Its code, its prompt, its mutants, their killers and the compiler's output have tags."""
    for number in (2, 4):
        with opened_page(browser, page, address=address(number, "org/base")) as tab:
            at_item(tab, number)
            assert "</script><script>document.title='broken'" in tab.inner_text(".own pre")
            tab.click("#body details summary")
            if number == 2:
                tab.click("#body .choice button >> text=killed 3")
                tab.click("#body .choice button >> text=Show changes")
                assert tab.locator(".change:visible", has_text="<img src=x").count() == 4
            else:
                assert "<img src=x" in tab.inner_text(".own .message")
            assert tab.title() != "broken"
            assert tab.locator("#body img, #body script").count() == 0


def test_chosen_items_are_printed_and_nothing_else(opened: "Page") -> None:
    from playwright.sync_api import expect

    opened.evaluate("() => { window.print = () => { document.title = 'printed'; }; }")
    opened.select_option("#filter select[name=model]", "org/tuned")
    for name in ("f1.go", "f4.go"):
        opened.check(f"#list tr:has-text('{name}') input")
    assert opened.inner_text("#tray-count") == "2 items chosen"
    opened.click("#tray-print")
    expect(opened).to_have_title("printed")
    assert opened.locator("#printout article").count() == 2
    opened.emulate_media(media="print")
    assert opened.is_hidden("main")
    printed = opened.inner_text("#printout")
    for expected in (
        "f1.go",
        "The test passes",
        "by org/tuned",
        "no test fails with this change",
        "does not build",
    ):
        assert expected in printed
    opened.emulate_media(media="screen")
    opened.evaluate("dispatchEvent(new Event('afterprint'))")
    assert opened.is_visible("main")
    assert opened.locator("#printout article").count() == 0
    opened.click("#tray-clear")
    assert opened.is_hidden("#tray")
    assert opened.locator("#list input:checked").count() == 0


@pytest.fixture(scope="module")
def without_mutants(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of two models whose candidates were executed without mutants, of two files."""
    folder = tmp_path_factory.mktemp("without-mutants")
    files = (
        (CODE, ("6.3-6.11", "7.20-7.29", "8.14-8.18"), ("9.2 if y: false",)),
        (NEVER_RUN, NEVER_RUN_BLOCKS, ()),
    )
    pairs = [make_pair(number) for number in range(len(files))]
    dataset = write_dataset(
        folder / "dataset",
        [replace(pair, code=code) for pair, (code, _, _) in zip(pairs, files, strict=True)],
    )
    runs = []
    for model in ("a", "b"):
        run = write_run(folder / model, model, pairs, lambda number: PASSED)
        records = [
            replace(
                record, mutation=None, statements=7, covered=4, uncovered=blocks, uncovered_branches=branches
            )
            for record, (_, blocks, branches) in zip(read_run(run).executions, files, strict=True)
        ]
        write_table(run / "executions.parquet", records)
        runs.append(run)
    report(runs, dataset, folder / "report.html")
    return folder / "report.html"


def gutter(tab: "Page") -> dict[int, str]:
    """The lines of the focal file with a mark, and what it says."""
    states = tab.locator(".focal .line").evaluate_all("lines => lines.map(line => line.className.slice(5))")
    return {number: state for number, state in enumerate(states, 1) if state}


def test_the_gutter_shows_what_ran_in_full_in_part_and_not_at_all(
    browser: "Browser", without_mutants: Path
) -> None:
    with opened_page(browser, without_mutants, address=address(0, "a")) as tab:
        at_item(tab, 0)
        assert gutter(tab) == {5: "hit", 6: "miss", 7: "part", 8: "part", 9: "part"}
        assert tab.get_attribute(".focal .line:nth-child(9) i", "title") == "never: if y: false"


def test_the_gutter_marks_no_signature_and_no_line_of_a_function_that_never_ran_as_run(
    browser: "Browser", without_mutants: Path
) -> None:
    with opened_page(browser, without_mutants, address=address(1, "a")) as tab:
        at_item(tab, 1)
        never = (14, 15, 16, 18, 19, 20, 21, 22, 23, 25, 31, 34, 36)
        assert gutter(tab) == {4: "hit", 5: "miss", 11: "hit", **dict.fromkeys(never, "miss")}


def test_a_page_without_mutants_does_not_speak_of_them(browser: "Browser", without_mutants: Path) -> None:
    with opened_page(browser, without_mutants, address=address(0, "a")) as tab:
        at_item(tab, 0)
        assert "mutant" not in tab.inner_text("#item").lower()
        tab.click("#back")
        tab.evaluate("dispatchEvent(new Event('beforeprint'))")
        texts = [tab.inner_text(f"#{name}").lower() for name in ("compare", "items", "methods")]
        assert ["mutant" in text or "mutation" in text for text in texts] == [False] * 3
        assert "coverage" in texts[2]
