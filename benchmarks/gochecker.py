"""Go's own parser and type checker, through the small program in gocheck/."""

import base64
import json
import os
import subprocess
from pathlib import Path
from typing import Any


class GoChecker:
    """A running gocheck. `go` is the toolchain that builds it and whose parser it uses."""

    def __init__(self, go: str, program: Path) -> None:
        env = {**os.environ, "GOFLAGS": "-mod=mod", "CGO_ENABLED": "0"}
        folder = Path(__file__).parent / "gocheck"
        if not program.exists():
            subprocess.run([go, "build", "-o", str(program.resolve()), "."], check=True, cwd=folder, env=env)
        self.process = subprocess.Popen(
            [str(program.resolve())], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def ask(self, **request: str | bytes) -> dict[str, Any]:
        fields = {k: base64.b64encode(v).decode() if isinstance(v, bytes) else v for k, v in request.items()}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(fields).encode() + b"\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer
