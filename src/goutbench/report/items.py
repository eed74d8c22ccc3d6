"""What the page opens on demand: a script file for each pair, with its texts and what every model made of it.

A page on disk may not read other files, but it may load scripts: so an item is a call of one function with
JSON, deflated and in base64, since tests are long and much alike. The page puts every text in place as text,
never as markup: candidates are hostile.
"""

import base64
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from goutbench.dataset.store import write_text
from goutbench.report.rows import Judged, Row

_EVIDENCE = 4000


def write_items(
    folder: Path, rows: Sequence[Row], texts: Mapping[str, Mapping[str, Any]], judged: Sequence[Judged]
) -> None:
    """Write `folder/<pair id>.js` for every pair of the rows."""
    by_pair: dict[str, list[Row]] = {}
    for row in rows:
        by_pair.setdefault(row.pair.id, []).append(row)
    verdicts = _verdicts_by_pair(judged)
    for pair_id, mine in by_pair.items():
        content = {**_pair(mine[0]), "answers": [_answer(row, texts) for row in mine]}
        content["verdicts"] = verdicts.get(pair_id, [])
        packed = base64.b64encode(zlib.compress(_json(content).encode("utf-8", "replace"), 9)).decode("ascii")
        write_text(folder / f"{pair_id}.js", f'goutbenchItem("{packed}");\n')


def script_json(content: Any) -> str:
    """JSON that can stand in a script: nothing in it can end the script element or the line."""
    text = _json(content)
    for mark in ("<", ">", "&", "\u2028", "\u2029"):
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text.encode("utf-8", "replace").decode()


def _json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _pair(row: Row) -> dict[str, Any]:
    pair = row.pair
    return {
        "id": pair.id, "repository": pair.repository, "path": pair.code_path, "testPath": pair.test_path,
        "code": pair.code, "test": pair.test,
    }  # fmt: skip


def _answer(row: Row, texts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    candidate, done = row.candidate or {}, row.execution or {}
    replies = [texts[found] for found in candidate.get("completion_ids") or () if found in texts]
    return {
        "model": row.model,
        "focal": list(row.key[1]),
        "sample": row.key[2],
        "round": row.round,
        "class": row.failure,
        "code": candidate.get("code") or "",
        "notes": [_note(note) for note in candidate.get("notes") or ()],
        "status": done.get("status") or "",
        "rung": done.get("rung") or "",
        "evidence": (done.get("evidence") or "")[:_EVIDENCE],
        "passed": list(done.get("passed") or ()),
        "failed": list(done.get("failed") or ()),
        "uncovered": list(done.get("uncovered") or ()) if done.get("statements") else None,
        "covered": done.get("covered") or 0,
        "statements": done.get("statements") or 0,
        "survivors": list(done.get("mutation_survivors") or ()),
        "mutants": _mutants(done),
        "replies": [
            {"messages": [_message(each) for each in reply["messages"]], "reply": reply["reply"]}
            for reply in replies
        ],
    }


def _mutants(done: Mapping[str, Any]) -> str:
    if done.get("mutation_total") is None:
        return ""
    names = ("killed", "lived", "not_covered", "timed_out")
    return ", ".join(f"{done[f'mutation_{name}']} {name.replace('_', ' ')}" for name in names)


def _note(note: Any) -> str:
    if isinstance(note, Mapping):
        return f"{note['kind']}: {note['what']} ({note['why']})"
    return str(note)


def _message(message: Any) -> list[str]:
    """Role and content, however the table holds a message."""
    if isinstance(message, Mapping):
        return [str(message.get("role", "")), str(message.get("content", ""))]
    return [str(part) for part in message]


def _verdicts_by_pair(judged: Iterable[Judged]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for each in judged:
        for match in each.matches:
            words = [
                {"order": verdict.order, "words": verdict.rationale or verdict.reply}
                for verdict in each.verdicts.get(match.id, ())
            ]
            found.setdefault(match.pair_id, []).append(
                {
                    "judge": match.judge, "a": match.model_a, "b": match.model_b, "focal": list(match.focal),
                    "outcome": match.outcome, "verdicts": words,
                }
            )  # fmt: skip
    return found
