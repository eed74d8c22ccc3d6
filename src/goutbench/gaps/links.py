"""Addresses of lines of source files, where a repository is hosted."""

from pathlib import Path
from urllib.parse import quote, urlsplit

from goutbench.config import load_lock
from goutbench.dataset.store import LOCK
from goutbench.errors import ConfigError

_SCHEMES = ("http", "https", "file", "vscode", "idea")
_HOSTS = {
    "github.com": "https://github.com/{repository}/blob/{revision}/{path}#L{line}",
    "gitlab.com": "https://gitlab.com/{repository}/-/blob/{revision}/{path}#L{line}",
    "codeberg.org": "https://codeberg.org/{repository}/src/commit/{revision}/{path}#L{line}",
}
"""Host → the address of a line."""


class SourceLinks:
    """Makes the addresses of a dataset's files. `template` has the fields {repository}, {revision}, {path}
    and {line}; without it, repositories of well-known hosts get links, and the others none.

    Raises ConfigError for a template with other fields or another scheme than that of a page or an editor.
    """

    def __init__(self, dataset: Path, template: str = "") -> None:
        self._templates: dict[str, str] = {}
        self._revisions: dict[str, str] = {}
        if template:
            _check(template)
        lock = dataset / LOCK
        for entry in load_lock(lock).repositories if lock.is_file() else ():
            name = entry.settings.name
            self._revisions[name] = entry.revision
            self._templates[name] = template or _hosted(entry.settings.source)

    def link(self, repository: str, path: str, line: int = 1) -> str:
        """The address of a line; empty where the host is unknown."""
        template = self._templates.get(repository, "")
        if not template:
            return ""
        fields = {"repository": repository, "revision": self._revisions[repository], "path": path}
        quoted = {name: quote(value, errors="replace") for name, value in fields.items()}
        return template.format_map(quoted | {"line": str(line)})


def _hosted(source: str) -> str:
    """The template of a URL's host, also of git@host:organization/name; empty for other hosts and folders."""
    host = urlsplit(source).hostname if "://" in source else source.partition(":")[0].rpartition("@")[2]
    template = _HOSTS.get(host or "", "")
    path = urlsplit(source).path if "://" in source else source.partition(":")[2]
    return template.replace("{repository}", quote(path.strip("/").removesuffix(".git"))) if template else ""


def _check(template: str) -> None:
    hint = "for example https://git.example.org/{repository}/blob/{revision}/{path}#L{line}"
    if urlsplit(template).scheme not in _SCHEMES:
        what = f"the address must begin with one of: {', '.join(_SCHEMES)}"
        raise ConfigError(what, where=f"--link {template}", hint=hint)
    try:
        template.format_map(dict.fromkeys(("repository", "revision", "path", "line"), ""))
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        what = f"a field that is not repository, revision, path or line: {error}"
        raise ConfigError(what, where=f"--link {template}", hint=hint) from None
