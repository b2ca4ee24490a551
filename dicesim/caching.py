"""A property that is computed once, without a lock.

That of Python before 3.12 has a lock for each property of a class. A worker that is forked while
another thread computes the property inherits the lock as it is, and would wait for ever.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or sys.version_info >= (3, 12):
    from functools import cached_property as cached_property
else:

    class cached_property(functools.cached_property):  # noqa: N801  (a stand-in for Python's own)
        """Compute a property once; two threads at the same time may both do so.

        Examples
        --------
        >>> class Pool:
        ...     @cached_property
        ...     def faces(self):
        ...         print("computed")
        ...         return 6
        >>> pool = Pool()
        >>> pool.faces + pool.faces
        computed
        12
        """

        def __get__(self, instance: Any, owner: Any = None) -> Any:
            """Compute the property and keep it where Python looks for it first."""
            if instance is None:
                return self
            value = instance.__dict__[self.attrname] = self.func(instance)
            return value
