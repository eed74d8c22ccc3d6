"""What Inspect AI finds by this package's entry point: tasks and model providers."""

from typing import Any

from inspect_ai import Task, task
from inspect_ai.model import ModelAPI, modelapi


@modelapi(name="scripted")
def scripted() -> type[ModelAPI]:
    from goutbench.generate.scripted import ScriptedAPI

    return ScriptedAPI


@modelapi(name="scripted_judge")
def scripted_judge() -> type[ModelAPI]:
    from goutbench.judge.scripted import ScriptedJudge

    return ScriptedJudge


@task
def unit_tests(dataset: str, **options: Any) -> Task:
    """`inspect eval goutbench/unit_tests -T dataset=DIR [-T unit=function] [-T split=leakfree:test] ...`"""
    from pathlib import Path

    from goutbench.generate.items import read_items
    from goutbench.generate.options import Options
    from goutbench.generate.task import make_task

    chosen = Options(**options)
    items = read_items(Path(dataset), chosen)
    prompts = list({prompt.id: prompt for item in items for prompt in item.prompts}.values())
    return make_task(prompts, chosen, None)


@task
def pairwise(run_a: str, run_b: str, dataset: str, judge: str = "default", **options: Any) -> Task:
    """`inspect eval goutbench/pairwise -T run_a=DIR -T run_b=DIR -T dataset=DIR [-T judge=paper] ...`"""
    from pathlib import Path

    from goutbench.judge.asking import requests
    from goutbench.judge.folder import Juror, load_judge
    from goutbench.judge.items import read_items
    from goutbench.judge.options import Options
    from goutbench.judge.task import make_task

    chosen = Options(**options)
    juror = Juror(load_judge(judge), "")
    paired = read_items(Path(run_a), Path(run_b), Path(dataset), chosen)
    return make_task(list(requests(paired.items, juror)), juror, chosen, None)
