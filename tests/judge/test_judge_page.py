"""The page to label in, in a real browser: keys, saving, and nothing of a candidate that runs."""

import shutil
from pathlib import Path

import pytest
from judging import GOOD, MakeRun, make_judge
from playwright.sync_api import sync_playwright

from goutbench.inference.models import Server
from goutbench.judge.items import read_comparisons
from goutbench.judge.options import JudgeOptions
from goutbench.judge.results.labels import export_labels, import_labels
from goutbench.judge.stage import judge

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ATTACK = "</script><script>document.title = 'taken'</script><img src=x onerror=\"document.title='taken'\">"


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_a_person_labels_with_keys_and_saves_the_labels(
    make_run: MakeRun, dataset: Path, tmp_path: Path
) -> None:
    a, b = make_run("good", lambda n: GOOD.format(n=n)), make_run("attack", lambda n: ATTACK)
    out, page_file = tmp_path / "out", tmp_path / "labels.html"
    judge(
        [a, b], dataset, out, [make_judge()], JudgeOptions(window=1), Server()
    )  # nothing is asked: all are errors
    comparisons = read_comparisons(a, b, dataset, JudgeOptions()).comparisons
    assert export_labels(comparisons, out, 4, 1, page_file) == 4
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.goto(page_file.as_uri())
        for _ in range(3):
            first = page.text_content("#first") or ""
            page.keyboard.press("1" if "t.Error" in first else "2")
        page.get_by_role("button", name="Neither").click()
        assert page.text_content("#position") == "4 of 4, 4 labelled"
        with page.expect_download() as saved:
            page.get_by_role("button", name="Save labels").click()
        saved.value.save_as(tmp_path / "labels.csv")
        title = page.title()
        browser.close()
    assert (errors, title) == ([], "Which test file is better?")
    report = import_labels([tmp_path / "labels.csv"], out)
    (agreement,) = report["judges"].values()
    assert (agreement["same"]["count"], agreement["same"]["of"]) == (0, 4)  # errors agree with nobody
    rows = (tmp_path / "labels.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0] == "item,label,note"
    assert sorted(row.split(",")[1] for row in rows[1:]).count('"tie"') == 1
