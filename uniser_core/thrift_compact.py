"""Thrift's compact protocol, in which Parquet writes the headers of its pages."""

from __future__ import annotations

from typing import Any


class TooShortError(Exception):
    """The header goes on beyond the bytes that were read."""


class GarbageError(Exception):
    """These bytes cannot be what the format says."""


class Compact:
    """Reads values one after the other; a struct becomes {field id: value}.

    Raises TooShortError and GarbageError.
    """

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        """The next bytes."""
        if count > len(self.data) - self.at:
            raise TooShortError
        self.at += count
        return self.data[self.at - count : self.at]

    def varint(self) -> int:
        """A number of up to 64 bits, unsigned."""
        value = shift = 0
        while shift < 70:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
        raise GarbageError("a number of more than 64 bits")

    def zigzag(self) -> int:
        """A number of up to 64 bits, signed."""
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def value(self, kind: int, depth: int) -> Any:
        """A value of that Thrift type."""
        if depth > 8:
            raise GarbageError("a page header nested too deep")
        if kind in (1, 2, 3):
            return self.take(1)[0] if kind == 3 else kind == 1
        if kind in (4, 5, 6):
            return self.zigzag()
        if kind in (7, 8):
            return self.take(8 if kind == 7 else self.varint())
        if kind in (9, 10):
            head = self.take(1)[0]
            count = head >> 4 if head >> 4 != 15 else self.varint()
            return [self.value(3 if head & 15 in (1, 2) else head & 15, depth + 1) for _ in range(count)]
        if kind == 12:
            return self.struct(depth + 1)
        raise GarbageError(f"Thrift type {kind} in a page header")

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Fields up to the struct's end."""
        fields: dict[int, Any] = {}
        field = 0
        while head := self.take(1)[0]:
            field = field + (head >> 4) if head >> 4 else self.zigzag()
            if len(fields) > 64:
                raise GarbageError("a page header of too many fields")
            fields[field] = self.value(head & 15, depth)
        return fields
