"""Progress of a running training: one line per logging step, with rate and remaining time."""

import sys
import time
from typing import Any

from transformers import TrainerCallback


class ProgressLines(TrainerCallback):
    """Lines on standard error: step, loss, tokens per second, remaining minutes."""

    def __init__(self, tokens_per_step: float) -> None:
        self.tokens_per_step = tokens_per_step
        self.start, self.first = 0.0, 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        self.start, self.first = time.monotonic(), state.global_step

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **more: Any
    ) -> None:
        labels = {"loss": "loss", "eval_loss": "held-out loss"}
        losses = [f"{label} {float(logs[key]):.3f}" for key, label in labels.items() if logs and key in logs]
        if not losses:
            return
        done = state.global_step - self.first
        seconds = (time.monotonic() - self.start) / max(done, 1)
        minutes = seconds * (state.max_steps - state.global_step) / 60
        rate = self.tokens_per_step / seconds if seconds else 0.0
        line = f"step {state.global_step}/{state.max_steps}: {', '.join(losses)}"
        print(f"{line}; {rate:,.0f} tokens/s, about {minutes:.0f} min remaining", file=sys.stderr, flush=True)


class StopAt(TrainerCallback):
    """Ends a run after a step, with a checkpoint. The schedule remains that of the complete run."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        if state.global_step >= self.step:
            control.should_save = control.should_training_stop = True
