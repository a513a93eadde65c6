"""`review`: answers of several runs compared blind, by models and by people."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import click

from sightbench.commands.flags import judge_flags
from sightbench.commands.parameters import RUN_FOLDER, data_option
from sightbench.errors import UsageError


@click.command()
@click.argument("runs", type=RUN_FOLDER, nargs=-1, required=True)
@data_option
@judge_flags
@click.option("--also-judge", multiple=True, metavar="URL", help="Another judge of a jury; repeat for more.")
@click.option(
    "--mode",
    type=click.Choice(["both", "pairs", "marks"]),
    default="both",
    show_default=True,
    help="Compare answers in pairs, each in both orders; mark each by itself; or both.",
)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="So many questions, drawn by --seed.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of what is drawn.")
@click.option("--with-media", is_flag=True, help="Show the judge the images and frames too.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder.  [default: runs/review-RUN-RUN]")
@click.option("--human", is_flag=True, help="Write a page for people to compare the answers on, instead.")
@click.option(
    "--import",
    "ratings",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    metavar="FILE",
    help="What people said on that page; repeat for several people.",
)
@click.option("--quiet", is_flag=True, help="No progress display.")
@click.pass_context
def review(
    ctx: click.Context,
    /,
    runs: tuple[Path, ...],
    data: Path | None,
    also_judge: tuple[str, ...],
    mode: Literal["both", "pairs", "marks"],
    limit: int | None,
    seed: int,
    with_media: bool,
    out: Path | None,
    human: bool,
    ratings: tuple[Path, ...],
    quiet: bool,
    **flags: Any,
) -> None:
    """Compare the answers of runs blind: judges and people see no model's name."""
    from dataclasses import replace

    import orjson

    from sightbench.commands.evaluate import progress_display
    from sightbench.commands.terminal import note
    from sightbench.evaluation.judges.judge import open_judge_now
    from sightbench.evaluation.judges.options import JudgeOptions
    from sightbench.evaluation.judges.review import items_of
    from sightbench.evaluation.judges.review import review as reviewed
    from sightbench.evaluation.judges.review_lines import lines, to_json
    from sightbench.evaluation.run import open_run
    from sightbench.files import replace_file

    options = JudgeOptions(**flags)
    opened = [open_run(run, data) for run in runs]
    folder = out or Path("runs") / ("review-" + "-".join(run.resolve().name for run in runs))
    if human or ratings:
        from sightbench.evaluation.judges.people import ratings_lines, write_page

        if human:
            built, key = write_page(opened, folder, limit=limit, seed=seed)
            click.echo(f"{built}\nwhich answer is whose: {key} (not for those who rate)")
            return
        click.echo("\n".join(ratings_lines(folder, ratings)))
        return
    if options.judge_endpoint is None:
        raise UsageError("--judge-endpoint: the URL of the judge is missing (or --human, for people)")
    items = items_of(opened, limit, seed)
    endpoints = (options.judge_endpoint, *also_judge)
    judges = [
        open_judge_now(
            replace(options, judge_endpoint=url, judge_model=options.judge_model if at == 0 else None), note
        )
        for at, url in enumerate(endpoints)
    ]
    with progress_display(quiet) as progress:
        found = reviewed(
            opened,
            judges,
            items,
            folder,
            options,
            pairs=mode != "marks",
            marks=mode != "pairs",
            media=with_media,
            note=note,
            progress=progress,
        )
    replace_file(folder / "review.json", orjson.dumps(to_json(found), option=orjson.OPT_INDENT_2) + b"\n")
    told = "\n".join(lines(found))
    replace_file(folder / "review.txt", told.encode() + b"\n")
    click.echo(told)
    click.echo(f"every verdict: {folder / 'review.json'}, as it came: {folder / 'judgements.jsonl'}")
    ctx.exit(1 if found.stopped else 0)
