"""What the page loads on demand: a script for each pair, with its texts and what every model wrote for it.

A page on disk may not read other files, but it may load scripts. So a script calls one function with JSON,
deflated and in base64, because tests are long and much alike. Candidates are hostile: the page inserts every
text as text, never as markup.
"""

import base64
import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from goutbench.dataset.json_lines import clean_text
from goutbench.dataset.store import write_text
from goutbench.records import REFERENCE, Execution, MutantStatus
from goutbench.report.inputs import Judgement, Transcript
from goutbench.report.items.messages import line_messages
from goutbench.report.items.mutants import MutantTable
from goutbench.report.items.summary import summary
from goutbench.report.results import SampleResult

_MAX_EVIDENCE = 4000  # characters
_MIN_REPEAT = 200  # characters: shorter texts are not worth a reference


def write_items(
    folder: Path,
    samples: Sequence[SampleResult],
    transcripts: Mapping[str, Transcript],
    judgements: Sequence[Judgement],
) -> None:
    """Write `folder/<pair id>.js` for every pair of the samples. `transcripts` are by completion id."""
    by_pair: dict[str, list[SampleResult]] = defaultdict(list)
    for sample in samples:
        by_pair[sample.pair.id].append(sample)
    verdicts = _verdicts_by_pair(judgements)
    for pair_id, answers in by_pair.items():
        pair = answers[0].pair
        texts, mutants = _TextTable(), MutantTable()
        content = {
            "id": pair.id, "repository": pair.repository, "path": pair.code_path, "testPath": pair.test_path,
            "code": texts.number(pair.code), "test": texts.number(pair.test),
            "answers": [_answer(answer, transcripts, texts, mutants) for answer in answers],
            "verdicts": verdicts.get(pair_id, []),
            "mutants": mutants.rows, "texts": texts.rows,
        }  # fmt: skip
        packed = base64.b64encode(zlib.compress(_json(content).encode("utf-8", "replace"))).decode("ascii")
        write_text(folder / f"{pair_id}.js", f'goutbenchItem("{packed}");\n')


class _TextTable:
    """The distinct long texts of a pair: models are asked with the same prompt, and may answer the same.

    A row is a text, or its parts: numbers of rows that the text repeats, such as the code in a prompt, which
    is often too far away for the compression to see it.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self.rows: list[str | list[str | int]] = []

    def number(self, text: str, repeats: Sequence[str] = ()) -> int:
        """The row of a text; `repeats` are texts that it may contain."""
        if text not in self._numbers:
            parts = self._parts(text, repeats)
            self._numbers[text] = len(self.rows)
            self.rows.append(parts)
        return self._numbers[text]

    def _parts(self, text: str, repeats: Sequence[str]) -> str | list[str | int]:
        for repeated in repeats:
            head, middle, tail = text.partition(repeated) if len(repeated) > _MIN_REPEAT else (text, "", "")
            if middle and repeated != text:
                return [head, self.number(repeated), tail]
        return text


def script_json(content: Any) -> str:
    """JSON for a script element: nothing in it can end the element or a line."""
    text = _json(content)
    for mark in ("<", ">", "&", "\u2028", "\u2029"):
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return clean_text(text)


def _json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _answer(
    sample: SampleResult, transcripts: Mapping[str, Transcript], texts: _TextTable, mutants: MutantTable
) -> dict[str, Any]:
    candidate, execution = sample.candidate, sample.execution
    completion_ids = candidate.completion_ids if candidate else ()
    replies = [transcripts[key] for key in completion_ids if key in transcripts]
    notes = candidate.notes if candidate else ()
    code = candidate.code if candidate else ""
    tested = code or (sample.pair.test if sample.model == REFERENCE else "")
    evidence = execution.evidence if execution else ""
    messages = line_messages(evidence, sample.pair.test_path, len(tested.splitlines()))
    return {
        "model": sample.model,
        "focal": sample.item.focal,
        "sample": sample.sample,
        "round": sample.round,
        "class": sample.failure,
        "summary": summary(sample, messages),
        "code": texts.number(code),
        "messages": messages,
        "notes": [f"{note.kind}: {note.what} ({note.why})" for note in notes],
        **_execution(execution),
        "mutants": mutants.verdicts(sample.mutation),
        "replies": [_reply(reply, texts, (sample.pair.code, code)) for reply in replies],
    }


def _reply(reply: Transcript, texts: _TextTable, repeats: Sequence[str]) -> dict[str, Any]:
    """A reply with what is known of its call; prompt and reply may repeat other texts."""
    call = {
        "error": reply.error,
        "detail": reply.detail[:_MAX_EVIDENCE],
        "stop": reply.stop,
        "input": reply.input_tokens,
        "output": reply.output_tokens,
        "seconds": round(reply.seconds, 2),
        "cost": reply.cost,
    }
    return {
        "messages": [(role, texts.number(text, repeats)) for role, text in reply.messages],
        "reply": texts.number(reply.reply, repeats),
        **{name: value for name, value in call.items() if value not in ("", None)},
    }


def _execution(execution: Execution | None) -> dict[str, Any]:
    """The result of an execution; empty values where there was none."""
    mutation = execution.mutation if execution else None
    return {
        "status": execution.status if execution else "",
        "evidence": execution.evidence[:_MAX_EVIDENCE] if execution else "",
        "uncovered": execution.uncovered if execution and execution.statements else None,
        "covered": execution.covered if execution else 0,
        "statements": execution.statements if execution else 0,
        "focalCovered": execution.focal_covered if execution else 0,
        "focalStatements": execution.focal_statements if execution else 0,
        "focalBranches": execution.focal_branches if execution else None,
        "focalBranchesCovered": execution.focal_branches_covered if execution else None,
        "branches": execution.branches if execution else None,
        "branchesCovered": execution.branches_covered if execution else None,
        "uncoveredBranches": execution.uncovered_branches if execution else (),
        "survivors": mutation.survivors if mutation and not mutation.mutants else (),
        "mutation": ", ".join(
            f"{getattr(mutation, status)} {status.replace('_', ' ')}"
            for status in MutantStatus
            if mutation and status != MutantStatus.NOT_VIABLE
        ),
    }


def _verdicts_by_pair(judgements: Iterable[Judgement]) -> dict[str, list[dict[str, Any]]]:
    by_pair: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for judgement in judgements:
        for match in judgement.matches:
            verdicts = [
                {"order": verdict.order, "text": verdict.rationale or verdict.reply}
                for verdict in judgement.verdicts.get(match.id, ())
            ]
            by_pair[match.pair_id].append(
                {
                    "judge": match.judge, "a": match.model_a, "b": match.model_b, "focal": match.focal,
                    "sample": match.sample, "outcome": match.outcome, "verdicts": verdicts,
                }
            )  # fmt: skip
    return by_pair
