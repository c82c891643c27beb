"""Secrets that stand elsewhere: ``{ env = "NAME" }`` and ``{ file = "PATH" }``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import attrs

from mqgate.config.problems import Place


@attrs.frozen
class SecretSource:
    """Where secrets are looked up."""

    environment: Mapping[str, str] = attrs.field(repr=False)
    #: The folder that relative paths are relative to.
    folder: str

    def resolve(self, value: Any, place: Place) -> Any:
        """``value`` with each reference in it, at any depth, replaced by what it refers to.

        Raises `ConfigurationError`, which names the key and never a secret.
        """
        match value:
            case {"env": str(name)} if len(value) == 1:
                return self._from_environment(name, place)
            case {"file": str(path)} if len(value) == 1:
                return self._from_file(path, place)
            case dict():
                return {key: self.resolve(each, place.below(key)) for key, each in value.items()}
            case list():
                return [self.resolve(each, place.item(index)) for index, each in enumerate(value)]
        return value

    def _from_environment(self, name: str, place: Place) -> str:
        """The value of an environment variable."""
        secret = self.environment.get(name, "")
        if not secret:
            raise place.wrong(f"asks for the environment variable {name}: set it")
        return secret

    def _from_file(self, path: str, place: Place) -> str:
        """The text of a file, without the newline that editors put at its end."""
        path = os.path.join(self.folder, path)
        try:
            with open(path, encoding="utf-8") as file:
                secret = file.read().removesuffix("\n").removesuffix("\r")
        except OSError as error:
            raise place.wrong(f"asks for the file {path}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise place.wrong(f"asks for the file {path}: it is not UTF-8 text") from None
        if not secret:
            raise place.wrong(f"asks for the file {path}: it is empty")
        return secret
