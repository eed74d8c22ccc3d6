"""The reward of an execution, as frameworks for training by reward use it: asynchronous, and in parts.

`RewardSession` opens machine, trees and workers once, and scores completions; `reward_functions` is what
TRL's trainers take. `goutbench.environments` has tasks for them, and adapters for other frameworks.
"""

from goutbench.execute.reward.parts import PARTS, part_weights, parts_of, reward_of
from goutbench.execute.reward.session import RewardSession, Score
from goutbench.execute.reward.trl import reward_functions

__all__ = ["PARTS", "RewardSession", "Score", "part_weights", "parts_of", "reward_functions", "reward_of"]
