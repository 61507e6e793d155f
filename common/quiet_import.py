"""Lines that a library writes while it is imported, kept from burying ours.

TensorFlow writes some to stderr as its libraries are loaded, before it reads the TF_CPP_MIN_LOG_LEVEL that is to
silence them: which instructions it uses, that there is no CUDA. What is more than information is passed on.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

INFORMATION = re.compile(rb"WARNING: All log messages before absl::InitializeLog\(\) |I\d{4} \d\d:\d\d:")


class QuietImport(MetaPathFinder):
    """Has the first import of one module pass on no more than what is not `INFORMATION`.

    Args:
        name: of the module.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._asked = False  # the other finders, by this one

    @classmethod
    def of(cls, name: str) -> None:
        """Have a module be imported quietly when it is imported; nothing happens where it has been already."""
        if name not in sys.modules and not any(isinstance(each, cls) and each.name == name for each in sys.meta_path):
            sys.meta_path.insert(0, cls(name))

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find the module as the others do, and wrap what loads it."""
        if fullname != self.name or self._asked:
            return None
        self._asked = True
        try:
            spec = find_spec(fullname)
        finally:
            self._asked = False
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def quietly(module: ModuleType) -> None:
            if self in sys.meta_path:
                sys.meta_path.remove(self)
            with passed_on():
                load(module)

        spec.loader.exec_module = quietly  # type: ignore[method-assign]
        return spec


@contextmanager
def passed_on() -> Iterator[None]:
    """Hold back what is written to stderr, by libraries too; pass on in the end what is not `INFORMATION`."""
    sys.stderr.flush()
    shown = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(shown, 2)
            os.close(shown)
            held.seek(0)
            for line in held:
                if not INFORMATION.match(line):
                    os.write(2, line)
