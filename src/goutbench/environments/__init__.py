"""Goutbench's tasks and reward as environments of other frameworks for training by reward.

`tasks` reads the tasks of a dataset; `verifiers` and `openenv` need the packages of these names.
"""

from goutbench.environments.tasks import Task, read_tasks

__all__ = ["Task", "read_tasks"]
