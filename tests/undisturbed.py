"""What is measured, and nothing else."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def undisturbed() -> Iterator[None]:
    """Spare what is measured a collection of what other tests have left, which takes half a second after a few thousand."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
