"""Several samples per item: the item is the unit of every number."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from judging import make_pair, write_dataset
from reporting import PASSED, UNDEFINED, write_run, write_samples

from goutbench import statistics
from goutbench.report.inputs import read_results, read_run
from goutbench.report.stage import report
from goutbench.report.tables.leaderboard import COLUMNS, leaderboard
from goutbench.report.tables.measures import Cluster, sampled_interval

PASSING = [number % 6 for number in range(20)]
"""How many of the five samples of each item pass, of org/base on the page with samples."""

REPOSITORIES = [f"o/r{number % 5}" for number in range(20)]


def table(page: Path, name: str) -> list[dict[str, str]]:
    path = page.with_name(f"{page.stem}_files") / "data" / f"{name}.csv"
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def row(page: Path, name: str, column: str, value: str) -> dict[str, str]:
    (match,) = [record for record in table(page, name) if record[column] == value]
    return match


def test_the_leaderboard_counts_items_and_averages_their_samples(sampled_page: Path) -> None:
    base = row(sampled_page, "leaderboard", "model", "org/base")
    assert base["items"] == "20"
    assert float(base["pass_rate"]) == pytest.approx(46 / 100)
    assert float(base["passed"]) == pytest.approx(46 / 5)
    assert float(base["mutation_all"]) == pytest.approx(0.46 * 0.75)
    assert float(base["mutation_passing"]) == pytest.approx(0.75)
    assert base["infrastructure"] == "0"


def test_an_interval_resamples_items_by_repository(sampled_page: Path) -> None:
    base = row(sampled_page, "leaderboard", "model", "org/base")
    expected = statistics.cluster_bootstrap([passing / 5 for passing in PASSING], REPOSITORIES)
    assert float(base["pass_rate_low"]) == pytest.approx(expected.low)
    assert float(base["pass_rate_high"]) == pytest.approx(expected.high)
    (low, high), of_candidates = expected[1:], statistics.wilson(46, 100)
    assert (low, high) != pytest.approx(of_candidates)


def test_an_interval_resamples_pairs_or_items_where_repositories_are_few() -> None:
    shares = [0.2, 0.4, 0.6, 0.8, 1.0, 0.0]
    one_file = [Cluster("o/r", "p")] * 6
    three_files = [Cluster("o/r", f"p{number % 3}") for number in range(6)]
    six_files = [Cluster("o/r", f"p{number}") for number in range(6)]
    by_item = statistics.cluster_bootstrap(shares, range(6))
    for clusters in (one_file, three_files, six_files):
        assert sampled_interval(shares, clusters) == pytest.approx(by_item[1:])
    five_files = [Cluster("o/r", f"p{number % 5}") for number in range(6)]
    by_pair = statistics.cluster_bootstrap(shares, [cluster.pair_id for cluster in five_files])
    assert sampled_interval(shares, five_files) == pytest.approx(by_pair[1:])
    assert sampled_interval([0.0] * 6, six_files) == statistics.wilson(0, 6)


def test_pass_at_k_is_estimated_for_each_item_and_then_averaged(sampled_page: Path) -> None:
    # 4 items with no passing sample, 4 with one, and 3 with two, three, four and five each
    by_hand = {
        1: (4 * 0.2 + 3 * 0.4 + 3 * 0.6 + 3 * 0.8 + 3) / 20,
        2: (4 * 0.4 + 3 * 0.7 + 3 * 0.9 + 3 + 3) / 20,
        3: (4 * 0.6 + 3 * 0.9 + 9) / 20,
        4: (4 * 0.8 + 12) / 20,
        5: 16 / 20,
    }
    for k, value in by_hand.items():
        for measure in ("pass", "build"):
            record = row(sampled_page, "samples", "measure", f"{measure}@{k}")
            assert float(record["org/base"]) == pytest.approx(value)
    base = row(sampled_page, "leaderboard", "model", "org/base")
    assert float(base["pass_at_n"]) == pytest.approx(16 / 20)
    expected = statistics.cluster_bootstrap([float(passing > 0) for passing in PASSING], REPOSITORIES)
    assert (float(base["pass_at_n_low"]), float(base["pass_at_n_high"])) == pytest.approx(expected[1:])


def test_the_best_of_n_samples_counts_for_coverage_and_mutation_score(sampled_page: Path) -> None:
    base = row(sampled_page, "leaderboard", "model", "org/base")
    assert float(base["coverage_best_of_n"]) == pytest.approx(16 / 20 * 0.5)
    assert float(base["mutation_best_of_n"]) == pytest.approx(16 / 20 * 0.75)
    assert float(row(sampled_page, "samples", "measure", "coverage, best of 5")["org/base"]) == pytest.approx(
        0.4
    )


def test_the_reference_has_no_pass_at_n_and_keeps_its_numbers(sampled_page: Path) -> None:
    reference = row(sampled_page, "leaderboard", "model", "reference")
    assert (reference["items"], reference["passed"], reference["pass_at_n"]) == ("20", "20", "")
    low, _ = statistics.wilson(20, 20)
    assert float(reference["pass_rate_low"]) == pytest.approx(low)


def test_a_paired_test_runs_over_items(sampled_page: Path) -> None:
    passes = row(sampled_page, "comparison", "measure", "passes")
    # org/tuned has one more passing sample of each item but the three where all five pass already
    gains = [min(passing + 1, 5) / 5 - passing / 5 for passing in PASSING]
    assert (passes["items"], passes["model_better"], passes["base_better"]) == ("20", "17", "0")
    assert float(passes["difference"]) == pytest.approx(17 * 0.2 / 20)
    expected = statistics.cluster_bootstrap(gains, REPOSITORIES, bounds=statistics.DIFFERENCES)
    assert (float(passes["low"]), float(passes["high"])) == pytest.approx(expected[1:])
    assert float(passes["p"]) == pytest.approx(statistics.permutation_test(gains), abs=1e-3)


def test_a_paired_test_flips_repositories_where_there_are_enough(tmp_path: Path) -> None:
    pairs = [replace(make_pair(number), repository=f"o/r{number % 8}") for number in range(16)]
    dataset = write_dataset(tmp_path / "dataset", pairs)
    runs = [
        write_samples(
            tmp_path / name, name, pairs,
            lambda _, sample, passing=passing: PASSED if sample < passing else UNDEFINED,
            samples=2,
        )
        for name, passing in (("a", 1), ("b", 2))
    ]  # fmt: skip
    report(runs, dataset, tmp_path / "report.html", base="a")
    (builds, *_) = table(tmp_path / "report.html", "comparison")
    assert float(builds["p"]) == pytest.approx(2 / 2**8)


def test_groups_and_the_ladder_count_items(sampled_page: Path) -> None:
    repositories = table(sampled_page, "repositories")
    assert [record["items"] for record in repositories] == ["4"] * 5
    assert sum(float(record["org/base passed"]) for record in repositories) == pytest.approx(46 / 5)
    steps = {record["step"]: record for record in table(sampled_page, "ladder")}
    assert steps["items"]["org/base"] == "20"
    assert float(steps["stable"]["org/base"]) == pytest.approx(46 / 5)
    failures = {record["class"]: float(record["org/base"]) for record in table(sampled_page, "failures")}
    assert failures == {"passed": pytest.approx(9.2), "undefined": pytest.approx(10.8)}


def test_a_judge_is_counted_by_item(sampled_page: Path) -> None:
    (preferences,) = table(sampled_page, "preferences")
    assert (preferences["n"], preferences["win"], preferences["tie"]) == ("20", "10", "10")
    cross = table(sampled_page, "judge-and-execution")
    assert sum(float(record[name]) for record in cross for name in record if name != "verdict") == 40


def test_a_model_with_one_sample_stays_beside_one_with_several(tmp_path: Path) -> None:
    pairs = [make_pair(number) for number in range(6)]
    dataset = write_dataset(tmp_path / "dataset", pairs)
    runs = [
        write_samples(
            tmp_path / "many", "many", pairs[:4], lambda _, sample: UNDEFINED if sample else PASSED, samples=2
        ),
        write_run(tmp_path / "one", "one", pairs, lambda number: PASSED if number % 2 else UNDEFINED),
    ]
    board = leaderboard(read_results([read_run(run) for run in runs], dataset))
    records = {record["model"]: record for record in board.records}
    assert records["many"]["pass_rate"] == pytest.approx(4 / 2 / 6)  # two items without any answer
    assert records["many"]["pass_at_n"] == pytest.approx(4 / 6)
    assert (records["one"]["passed"], records["one"]["pass_at_n"]) == (3, None)
    assert (records["one"]["pass_rate_low"], records["one"]["pass_rate_high"]) == statistics.wilson(3, 6)


def test_page_csv_and_parquet_follow_the_table_of_columns(page: Path, sampled_page: Path) -> None:
    for path, sampled in ((page, False), (sampled_page, True)):
        text, (record, *_) = path.read_text("utf-8"), table(path, "leaderboard")
        for column in COLUMNS:
            expected = "_last" not in column.name and (sampled or "_n" not in column.name)
            if column.header:
                assert (column.name in record) == expected
            if column.header and not column.detail_of:
                assert (column.header.format(n=5) + "</th>" in text) == expected
            elif sampled and column.name in ("pass_at_n", "mutation_best_of_n"):
                assert f">{column.header.format(n=5)}: " in text


def test_one_sample_per_item_shows_nothing_about_samples(page: Path) -> None:
    assert not (page.with_name("report_files") / "data" / "samples.csv").exists()
    assert "pass@" not in page.read_text("utf-8")
