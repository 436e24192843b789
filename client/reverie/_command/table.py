"""Tables for the terminal; in a file or a pipe, one row per line."""

from __future__ import annotations

from reverie_proto.printable import printable


def print_table(head: tuple[str, ...], rows: list[tuple[str, ...]], *, numbers: tuple[str, ...]) -> None:
    """Print rows below their column names; the columns named in ``numbers`` are aligned to the right."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console.width = 10_000  # a file or a pipe has no width: keep each row on one line
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in head:
        table.add_column(name, justify="right" if name in numbers else "left", no_wrap=name != head[-1])
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console.print(table)
