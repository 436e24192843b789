"""`reverie tune`: measures this machine and writes a lowering plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from reverie_proto.printable import printable

from reverie_server.process.errors import CommandError

# No heavy module may be imported here, because `reverie --help` imports this file for one sentence.


@click.command(short_help="Measure this machine and write a lowering plan for it.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="File to write. Default: one in the user's cache.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads of one step. Default: all cores.")
def tune(out: Path | None, **chosen: Any) -> None:
    """Measure this machine, in about twenty seconds, and write a lowering plan for it.

    By default a device uses the plan that ships for its class, so that all machines of a class make equal pictures.
    `reverie serve --plan tuned`, or `--plan FILE`, uses the measured plan: its pictures have another maker, and are
    stored separately. Run nothing else on the machine during the measurement.
    """
    from reverie_ascent.autotune import tune as measuring
    from reverie_ascent.plan import save, tuned_path
    from reverie_ascent.runtime.session import DeviceUnavailable, choose_device

    try:
        device = choose_device(chosen["device"], threads=chosen["threads"])
    except DeviceUnavailable as error:
        raise CommandError(str(error)) from error
    plan = measuring.tune(device, progress=lambda stage: click.echo(f"{stage} ...", err=True))
    path = out or tuned_path(device.kind)
    try:
        save(plan, path)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}; choose another file with -o") from error
    used = "tuned" if out is None else out
    same = " It lowers as the plan that ships." if device.plan and plan.digest == device.plan.digest else ""
    sentence = f"{path}: plan {plan.digest[:16]} for {device.kind}.{same} Use it with `reverie serve --plan {used}`."
    click.echo(printable(sentence))
