"""Make dataclasses whose `frozen` is enforced by the type checker alone."""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, frozen: bool = False, eq: bool = True, **flags: bool) -> Callable[[type], type]:
        """Return a decorator as `dataclasses.dataclass` does, with the same flags.

        With `frozen` the objects can be hashed, and the type checker refuses to change them. At run
        time nothing does: the methods for that are half of what a class costs at import, and a run
        of the program imports more than a hundred.
        """
        return dataclasses.dataclass(eq=eq, unsafe_hash=frozen and eq, **flags)
