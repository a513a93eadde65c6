"""Answers of earlier runs, found by exactly what was asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from sightbench.client.journal import Journal, Place
from sightbench.errors import RunFolderError
from sightbench.sample import Reply


class Store:
    """The ok replies of other run folders by fingerprint; of two to the same request the later named counts.

    Holds one small entry per reply. Raises RunFolderError for a journal that cannot be read.
    """

    def __init__(self, folders: Iterable[Path] = ()) -> None:
        self._places: dict[bytes, tuple[Journal, Place]] = {}
        for folder in folders:
            journal = Journal.open(folder, write=False)
            try:
                for place in journal.index().values():
                    if place.ok and place.fingerprint:
                        self._places[place.fingerprint] = (journal, place)
            finally:
                journal.close()

    def __len__(self) -> int:
        return len(self._places)

    def take(self, sample: str, fingerprint: str) -> Reply | None:
        """The answer to this request as a reply to `sample`, with the folder it is from; None if none is
        there, or its journal was written anew since."""
        found = self._places.get(fingerprint.encode())
        if found is None:
            return None
        journal, place = found
        try:
            reply = journal.at(place)
        except (RunFolderError, OSError):
            return None
        if reply.status != "ok" or reply.fingerprint != fingerprint:
            return None
        return replace(reply, sample=sample, reused=reply.reused or str(journal.path.parent))
