"""What a running training says: a line at each logging step, with its rate and the time left."""

import sys
import time
from typing import Any

from transformers import TrainerCallback


class Lines(TrainerCallback):
    """Plain lines on standard error: step, loss, tokens a second, minutes left."""

    def __init__(self, tokens_per_step: float) -> None:
        self.tokens_per_step = tokens_per_step
        self.start, self.first = 0.0, 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        self.start, self.first = time.monotonic(), state.global_step

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **more: Any
    ) -> None:
        told = {"loss": "loss", "eval_loss": "held-out loss"}
        words = [f"{name} {float(logs[key]):.3f}" for key, name in told.items() if logs and key in logs]
        if not words:
            return
        done = state.global_step - self.first
        seconds = (time.monotonic() - self.start) / max(done, 1)
        left = seconds * (state.max_steps - state.global_step) / 60
        rate = self.tokens_per_step / seconds if seconds else 0.0
        line = f"step {state.global_step}/{state.max_steps}: {', '.join(words)}"
        print(f"{line}; {rate:,.0f} tokens/s, about {left:.0f} min left", file=sys.stderr, flush=True)


class StopAt(TrainerCallback):
    """Ends a run after a step, with a checkpoint; its schedule stays that of the whole, which can go on."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        if state.global_step >= self.step:
            control.should_save = control.should_training_stop = True
