"""The parameters of a query string as a marshmallow schema that loads them in one pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import marshmallow as ma


class QuerySchema(ma.Schema):
    """A schema of parameters that are texts, without nested data, and without marshmallow's hooks.

    It loads the same as :class:`marshmallow.Schema`, with the same errors, but that one looks for hooks and nested data
    at every field, which takes three times as long for the two or three parameters of a read.
    """

    def load(
        self,
        data: Mapping[str, Any],  # type: ignore[override]
        *,
        many: bool | None = None,
        partial: Any = None,
        unknown: Any = None,
    ) -> Any:
        """Return the parameters as :meth:`completed` returns them.

        Args:
            data: the given parameters.
            many: not supported, like ``partial``; marshmallow's signature has both.
            unknown: ``marshmallow.RAISE`` to refuse parameters that the schema does not have; otherwise they are
                ignored.

        Raises:
            ValidationError: with the errors of all parameters, in the order of the schema, then those of ``completed``.
        """
        loaded: dict[str, Any] = {}
        errors: dict[str, Any] = {}
        for name, field in self.fields.items():
            if name in data or field.required or field.load_default is not ma.missing:
                try:
                    loaded[name] = field.deserialize(data.get(name, ma.missing))
                except ma.ValidationError as error:
                    errors[name] = error.messages
        if unknown == ma.RAISE:
            errors |= {name: [self.error_messages["unknown"]] for name in data if name not in self.fields}
        if errors:
            raise ma.ValidationError(errors)
        return self.completed(loaded)

    def completed(self, loaded: dict[str, Any]) -> dict[str, Any]:
        """Return valid parameters with what follows from them.

        Raises:
            ValidationError: they do not go together.
        """
        return loaded
