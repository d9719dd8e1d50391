"""The meaning of a client's association specs (``associationCategory``, ``associationTypeId``) in this account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dealcache.sandbox.simulator.association_types import HUBSPOT_DEFINED, default_association
from dealcache.sandbox.simulator.associations import Label
from dealcache.sandbox.simulator.dataset import Dataset
from dealcache.sandbox.simulator.errors import ApiError, invalid
from dealcache.sandbox.simulator.object_types import OBJECT_TYPES, ObjectType

Specs = Sequence[Mapping[str, Any]]


def known_labels(data: Dataset, one: ObjectType, other: ObjectType) -> list[Label]:
    """The labels that the account has for associations between two object types."""
    return data.labels.get(frozenset({one.name, other.name}), [])


def read_labels(data: Dataset, from_kind: ObjectType, to_kind: ObjectType, specs: Specs) -> list[Label]:
    """The account's own labels among the specs.

    Raises:
        ApiError: 400, a spec does not fit the two object types.
    """
    own = default_association(from_kind.name, to_kind.name)
    labels = {label.type_id: label for label in known_labels(data, from_kind, to_kind)}
    found = []
    for spec in specs:
        type_id = spec.get("associationTypeId")
        if spec.get("associationCategory") == HUBSPOT_DEFINED:
            if type_id != own:
                raise _unfit(type_id, from_kind)
        elif type_id in labels:
            found.append(labels[type_id])
        else:
            raise _unfit(type_id, from_kind)
    return found


def target_type(data: Dataset, from_kind: ObjectType, specs: Specs) -> ObjectType:
    """The object type that associations with these specs lead to.

    Raises:
        ApiError: 400, there is none, or no spec at all.
    """
    ids = [spec.get("associationTypeId") for spec in specs]
    for kind in OBJECT_TYPES:
        own = default_association(from_kind.name, kind.name)
        labels = (label.type_id for label in known_labels(data, from_kind, kind))
        if ids and ids[0] in (own, *labels):
            return kind
    raise _unfit(ids[0] if ids else None, from_kind)


def _unfit(type_id: Any, from_kind: ObjectType) -> ApiError:
    return invalid(f"association type id {type_id} is not valid for an association from {from_kind.singular}")
