"""The tasks and model providers that Inspect AI finds by this package's entry point."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from inspect_ai import Task, task
from inspect_ai.model import ModelAPI, modelapi


@modelapi(name="scripted")
def scripted() -> type[ModelAPI]:
    from goutbench.inference.scripted import ScriptedWriter

    return ScriptedWriter


@modelapi(name="scripted_judge")
def scripted_judge() -> type[ModelAPI]:
    from goutbench.inference.scripted import ScriptedJudge

    return ScriptedJudge


@task
def unit_tests(dataset: str, repos: str = "", mutants: int = 20, **options: Any) -> Task:
    """`inspect eval goutbench/unit_tests -T dataset=DIR [-T unit=function] [-T split=leakfree:test] ...`

    Each reply is executed in the sandbox, and scored by whether it passes, by its coverage and by its
    mutation score. Without a sandbox the task has no scorer, and warns. `repos` is the folder of
    repositories, by default the clones in the cache; `mutants` the number of mutants of each focal file.
    """
    from goutbench.environments.inspect_scorer import ladder_scorer
    from goutbench.generate.complete import completion_call, completion_task
    from goutbench.generate.items import distinct_prompts, read_items
    from goutbench.generate.options import GenerateOptions
    from goutbench.prompts.library import DEFAULT

    chosen = GenerateOptions.for_prompt(options.pop("prompt", DEFAULT), **options)
    items = read_items(Path(dataset), chosen)
    scorer = ladder_scorer(Path(dataset), items, repos=Path(repos) if repos else None, mutants=mutants)
    return replace(completion_task(chosen), scorer=scorer).build(
        completion_call(prompt, "", chosen, sample)
        for prompt in distinct_prompts(items)
        for sample in range(chosen.samples)
    )


@task
def pairwise(run_a: str, run_b: str, dataset: str, judge: str = "default", **options: Any) -> Task:
    """`inspect eval goutbench/pairwise -T run_a=DIR -T run_b=DIR -T dataset=DIR [-T judge=paper] ...`"""
    from goutbench.judge.calls import judge_calls, judge_task
    from goutbench.judge.config import Judge, load_judge
    from goutbench.judge.items import read_comparisons
    from goutbench.judge.options import JudgeOptions
    from goutbench.judge.requests import requests

    chosen = JudgeOptions(**options)
    comparisons = read_comparisons(Path(run_a), Path(run_b), Path(dataset), chosen).comparisons
    asked = list(requests(comparisons, Judge(load_judge(judge), "")))
    return judge_task(asked, chosen).build(judge_calls(asked, chosen))
