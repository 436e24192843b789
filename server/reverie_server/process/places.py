"""Decides where finished pictures and jobs are kept, and notices a home folder that cannot be written to."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from reverie_server.engine import OFF
from reverie_server.jobs.service import default_file
from reverie_server.process.settings import Settings
from reverie_server.store import default_folder


@dataclass(frozen=True)
class Places:
    """The store and the file of jobs as an `Engine` takes them, and why the defaults cannot be used, if so."""

    store: str
    jobs: str
    problem: str = ""


def places(settings: Settings) -> Places:
    """Return the places that the settings name; what is not named is in the user's folders, or off if they refuse it.

    Creates the folders of the defaults.
    """
    defaults = {"--store": Path(default_folder()), "--jobs": Path(default_file()).parent}
    used = [flag for flag in defaults if getattr(settings, flag[2:]) is None]
    refused = {flag: why for flag in used if (why := unwritable(defaults[flag]))}
    store = str(settings.store) if settings.store is not None else OFF if "--store" in refused else default_folder()
    jobs = str(settings.jobs) if settings.jobs is not None else OFF if "--jobs" in refused else default_file()
    lost = {"--store": "finished pictures", "--jobs": "jobs"}
    problem = ""
    if refused:
        problem = (
            f"{' and '.join(lost[flag] for flag in refused)} are not kept, because"
            f" {' and '.join(f'{defaults[flag]} cannot be written to ({why})' for flag, why in refused.items())};"
            f" name other places with {' and '.join(refused)}, or `off`"
        )
    return Places(store, jobs, problem)


def unwritable(folder: Path) -> str:
    """Return why no file can be written into a folder, which is created if need be; an empty string if one can."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return error.strerror or str(error)
