"""Licences are read at the commit, with evidence."""

from collections.abc import Callable
from pathlib import Path

import pytest
from gitmaker import GitMaker
from test_curate_inputs import MIT, run

from goutbench.curate.filters import Content
from goutbench.curate.licence import Licence, is_licence_file, is_permissive, joint_licence, licences

BSD_NOTICE = (
    b"// Use of this source code is governed by a BSD-style\n// license in the LICENSE file.\npackage p\n"
)
LGPL_NOTICE = b"""// Copyright 2014 Somebody
// This file is part of Something.
//
// This library is free software: you can redistribute it and/or modify
// it under the terms of the GNU Lesser General Public License as published by
// the Free Software Foundation, either version 3 of the License, or
// (at your option) any later version.
//
// This library is distributed in the hope that it will be useful,
// but WITHOUT ANY WARRANTY; without even the implied warranty of
// MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE. See the
// GNU Lesser General Public License for more details.
//
// You should have received a copy of the GNU Lesser General Public License
// along with this library. If not, see <http://www.gnu.org/licenses/>.

package p
"""

TEXTS = Path(__file__).parent.parent / "data" / "licences"
GPL, LGPL = (TEXTS / "GPL-3.0.txt").read_bytes(), (TEXTS / "LGPL-3.0.txt").read_bytes()
APACHE = (Path(__file__).parents[2] / "LICENSE").read_bytes()
PLAIN = b"package p\n"


def read(files: dict[bytes, bytes]) -> dict[bytes, Content]:
    return {path: Content(path, "present", len(data), data) for path, data in files.items()}


def of(
    source: bytes, files: dict[bytes, bytes], path: bytes = b"d/a.go", declared: str | None = None
) -> Licence:
    return licences({path: source}, read(files), declared)[path]


def test_an_spdx_tag_wins_over_the_licence_file() -> None:
    """terraform's way: its LICENSE is BUSL-1.1, and each file says so."""
    tagged = b"// Copyright (c) HashiCorp, Inc.\n// SPDX-License-Identifier: BUSL-1.1\n\npackage p\n"
    licence = of(tagged, {b"LICENSE": MIT.encode()})
    assert licence == Licence("BUSL-1.1", "d/a.go", "SPDX-License-Identifier in its header")
    assert not is_permissive(licence.expression)


def test_an_spdx_tag_below_the_header_is_ignored() -> None:
    below = b'package p\n\nvar s = "SPDX-License-Identifier: GPL-2.0-only"\n'
    assert of(below, {b"LICENSE": MIT.encode()}).expression == "MIT"


@pytest.mark.parametrize("named", ["LicenseRef-Acme-Commercial", "BUSL-1.2", "my own licence"])
def test_an_unknown_spdx_tag_is_not_replaced_by_a_licence_file(named: str) -> None:
    tagged = f"// SPDX-License-Identifier: {named}\npackage p\n".encode()
    licence = of(tagged, {b"LICENSE": MIT.encode()})
    assert (licence.expression, licence.file) == ("NOASSERTION", "d/a.go")
    assert named in licence.evidence


def test_all_spdx_tags_of_a_header_are_joined() -> None:
    two = b"// SPDX-License-Identifier: MIT\n// SPDX-License-Identifier: GPL-2.0-only\npackage p\n"
    assert of(two, {}).expression == "GPL-2.0-only AND MIT"


def test_an_unknown_licence_file_is_not_replaced_by_one_further_up() -> None:
    """Open-core repositories keep their commercial part in a folder with a licence of its own."""
    files = {b"LICENSE": MIT.encode(), b"ee/LICENSE": b"All rights reserved. Ask Acme."}
    licence = of(PLAIN, files, b"ee/a.go")
    assert (licence.expression, licence.file) == ("NOASSERTION", "ee/LICENSE")


@pytest.mark.parametrize("state", ["missing", "corrupt", "too_large", "symlink"])
def test_the_evidence_names_an_unreadable_licence_file(state: str) -> None:
    files = {b"LICENSE": Content(b"LICENSE", state, 0)}
    licence = licences({b"a.go": PLAIN}, files)[b"a.go"]
    assert licence == Licence("NOASSERTION", "LICENSE", f"a licence file is {state}")


def test_a_row_has_the_licences_of_both_files() -> None:
    mit, gpl = Licence("MIT", "LICENSE", "x"), Licence("GPL-3.0-only", "a_test.go", "y")
    assert joint_licence(mit, mit) == mit
    assert joint_licence(mit, gpl).expression == "GPL-3.0-only AND MIT"
    assert joint_licence(mit, Licence("NOASSERTION", None, "none found")).expression == "NOASSERTION"


def test_the_lgpl_next_to_the_gpl_is_the_lgpl() -> None:
    """go-ethereum's way: COPYING and COPYING.LESSER side by side; notices tell "or later"."""
    files = {b"COPYING": GPL, b"COPYING.LESSER": LGPL}
    assert of(PLAIN, files).expression == "LGPL-3.0-only"
    assert of(PLAIN, files).file == "COPYING.LESSER"
    licence = licences({b"a.go": LGPL_NOTICE, b"b.go": PLAIN}, read(files))
    assert licence[b"a.go"] == Licence("LGPL-3.0-or-later", "a.go", "notice in its header")
    assert licence[b"b.go"].expression == "LGPL-3.0-or-later"
    assert of(PLAIN, {b"COPYING": GPL}).expression == "GPL-3.0-only"


def test_the_nearest_folder_decides() -> None:
    files = {b"LICENSE": APACHE, b"d/LICENSE.txt": MIT.encode()}
    assert of(PLAIN, files, b"d/e/a.go").expression == "MIT"
    assert of(PLAIN, files, b"dd/a.go").expression == "Apache-2.0"
    assert of(BSD_NOTICE, files, b"a.go").file == "LICENSE"


def test_several_licence_files_of_a_folder_are_joined() -> None:
    choice = {b"LICENSE-MIT": MIT.encode(), b"LICENSE-APACHE": APACHE}
    assert of(PLAIN, choice).expression == "Apache-2.0 OR MIT"
    joined = {b"LICENSE": MIT.encode() + b"\n\n---\n\n" + APACHE}
    assert of(PLAIN, joined).expression == "Apache-2.0 AND MIT"


def test_a_licence_file_with_other_text_is_recognised() -> None:
    """Of a BUSL-1.1 file half is parameters: the share is evidence, and no threshold."""
    mixed = b"Parameters: something else altogether.\n" * 40 + MIT.encode()
    licence = of(PLAIN, {b"LICENSE": mixed})
    assert licence.expression == "MIT"
    assert "covers 4" in licence.evidence


def test_without_any_licence_the_row_has_no_assertion() -> None:
    assert of(PLAIN, {}) == Licence("NOASSERTION", None, "none found")
    unknown = of(PLAIN, {b"LICENSE": b"All rights reserved. Ask Bob."})
    assert unknown == Licence("NOASSERTION", "LICENSE", "no licence text was recognised in it")
    assert of(PLAIN, {}, declared="BSD-3-Clause") == Licence("BSD-3-Clause", None, "declared in repos.yaml")


@pytest.mark.parametrize(
    ("expression", "open_to_all"),
    [
        ("MIT", True),
        ("BSD-3-Clause AND MIT", True),
        ("GPL-2.0-only OR MIT", True),
        ("GPL-2.0-only AND MIT", False),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("MPL-2.0", False),
        ("LGPL-3.0-or-later", False),
        ("BUSL-1.1", False),
        ("NOASSERTION", False),
        ("No-Such-Licence", False),
    ],
)
def test_permissive_licences_are_recognised(expression: str, open_to_all: bool) -> None:
    assert is_permissive(expression) is open_to_all


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("LICENSE", True),
        ("licence.md", True),
        ("COPYING.LESSER", True),
        ("d/LICENSE-MIT", True),
        ("UNLICENSE", True),
        ("license.go", False),
        ("license_test.go", False),
        ("license_info.csv", False),
        ("generate-licenses.sh", False),
        ("NOTICE", False),
    ],
)
def test_licence_files_are_recognised_by_name(name: str, expected: bool) -> None:
    assert is_licence_file(name.encode()) is expected


def test_a_licence_that_is_not_permissive_is_rejected_with_evidence(
    make_repo: Callable[..., GitMaker],
) -> None:
    maker = make_repo()
    tagged = "// SPDX-License-Identifier: BUSL-1.1\n\npackage p\n"
    files = {"a.go": tagged, "b.go": "package p\n", "LICENSE": MIT}
    maker.commit(
        {**files, "a_test.go": tagged, "b_test.go": "package p\n", "c.go": "package p\n", "c_test.go": tagged}
    )
    maker.finish()
    assert [pair.licence for pair in run(maker.path).pairs] == ["BUSL-1.1", "MIT", "BUSL-1.1 AND MIT"]
    curated = run(maker.path, licence="permissive")
    assert [pair.code_path for pair in curated.pairs] == ["b.go"]
    assert [(rejection.path, rejection.rule) for rejection in curated.rejections] == [
        ("a.go", "licence"),
        ("a_test.go", "partner_rejected"),
        ("c.go", "licence"),
        ("c_test.go", "partner_rejected"),
    ]
    assert "BUSL-1.1 is not permissive: a.go, SPDX-License-Identifier" in curated.rejections[0].reason
