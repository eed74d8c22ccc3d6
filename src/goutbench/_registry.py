"""What Inspect AI finds by this package's entry point: tasks and a model provider."""

from typing import Any

from inspect_ai import Task, task
from inspect_ai.model import ModelAPI, modelapi


@modelapi(name="scripted")
def scripted() -> type[ModelAPI]:
    from goutbench.generate.scripted import ScriptedAPI

    return ScriptedAPI


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
