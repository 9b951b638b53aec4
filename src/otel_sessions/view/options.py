"""What ``otel-sessions view`` was asked for, and whether that can be."""

from __future__ import annotations

import stat
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .receiving.access import is_loopback

if TYPE_CHECKING:
    from pathlib import Path

# Short ones can be guessed by whoever reaches the port.
_MIN_TOKEN_CHARACTERS = 16


class UsageError(Exception):
    """What was asked for can't be; the text says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of the command; see ``otel-sessions view --help``."""

    port: int = 4318
    grpc_port: int = 4317
    host: str = "127.0.0.1"
    db: Path | None = None
    temporary: bool = False
    load: tuple[Path, ...] = ()
    max_bytes: int = 2 * 10**9
    browser: bool = True
    cors: tuple[str, ...] = ()
    allow_host: tuple[str, ...] = ()
    allow_remote: bool = False
    token_file: Path | None = None
    clear: bool = False
    reindex: bool = False

    def check(self) -> None:
        """Find out what goes together.

        Raises:
            UsageError: Something does not.
        """
        if self.temporary and (self.db or self.clear or self.reindex):
            message = "--temporary goes with none of --db, --clear, --reindex."
            raise UsageError(message)
        if not is_loopback(self.host) and not (self.allow_remote and self.token_file):
            message = (
                f"At {self.host} others can reach this page, and read what was said in your sessions. "
                "If that is what you want, add --allow-remote and --token-file FILE."
            )
            raise UsageError(message)

    def token(self) -> str | None:
        """Return the token, ``None`` for none.

        Raises:
            UsageError: Its file can't be read, others may read it, or the token is none.
        """
        if self.token_file is None:
            return None
        try:
            token = self.token_file.read_text(encoding="utf-8").strip()
            mode = self.token_file.stat().st_mode
        except (OSError, ValueError) as error:
            message = f"--token-file can't be read: {error}"
            raise UsageError(message) from error
        if sys.platform != "win32" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            message = f"Others may read the token: chmod 600 {self.token_file}"
            raise UsageError(message)
        if len(token) < _MIN_TOKEN_CHARACTERS or not (token.isascii() and token.isprintable()) or " " in token:
            message = (
                f"The token in {self.token_file} has to be one word of {_MIN_TOKEN_CHARACTERS} characters or more. "
                f"To make one: openssl rand -hex 32 > {self.token_file}"
            )
            raise UsageError(message)
        return token
