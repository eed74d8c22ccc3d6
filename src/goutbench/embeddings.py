"""Embedders of texts: TF-IDF, which needs no model, a sentence-transformers folder, or any callable."""

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from goutbench.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Embedder = Callable[[Sequence[str]], "NDArray[np.float32]"]
"""Maps texts to a matrix with a row for each of them."""

TFIDF = "tfidf"
_DIMENSIONS = 128
_WORD = r"[A-Za-z_]\w+"


def load_embedder(name: str) -> Embedder:
    """`tfidf`, a sentence-transformers folder, or a callable as `package.module:name`. Raises ConfigError."""
    if name == TFIDF:
        return tfidf
    if Path(name).is_dir():
        return _sentence_transformer(Path(name))
    module, _, attribute = name.partition(":")
    try:
        embedder = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        hint = "give `tfidf`, a sentence-transformers folder, or a callable as package.module:name"
        raise ConfigError(f"no embedder {name!r}: {error}", where="--embedder", hint=hint) from None
    return cast(Embedder, embedder)


def tfidf(texts: Sequence[str]) -> "NDArray[np.float32]":
    """Latent semantic analysis (Deerwester et al. 1990): TF-IDF of words, reduced to 128 dimensions by SVD.

    The vectors depend on all texts of a call: vectors of two calls cannot be compared.
    """
    import numpy as np
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(
        token_pattern=_WORD,
        lowercase=False,
        sublinear_tf=True,
        min_df=min(2, len(texts)),
        max_features=50_000,
    )
    matrix = vectorizer.fit_transform(texts)
    size = min(_DIMENSIONS, *(side - 1 for side in matrix.shape))
    if size < 2:
        return np.asarray(matrix.todense(), dtype=np.float32)
    return np.asarray(TruncatedSVD(size, random_state=42).fit_transform(matrix), dtype=np.float32)


def _sentence_transformer(folder: Path) -> Embedder:
    try:
        library = importlib.import_module("sentence_transformers")
    except ImportError:
        hint = "pip install sentence-transformers"
        raise ConfigError(
            "an embedder in a folder needs the package sentence-transformers", where="--embedder", hint=hint
        ) from None
    try:
        model: Any = library.SentenceTransformer(str(folder), local_files_only=True)
    except Exception as error:
        raise ConfigError(f"not a sentence-transformers model: {error}", where=str(folder)) from error
    return lambda texts: cast(
        "NDArray[np.float32]", model.encode(list(texts), batch_size=32, show_progress_bar=False)
    )
