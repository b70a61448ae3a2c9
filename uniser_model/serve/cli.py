"""`uniser serve`: light here; the server and everything heavy is imported when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True, subcommand_metavar="")
def serve(
    host: Annotated[
        str, typer.Option(help="address to listen on; another than this machine's own lets others in")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0: any free one")] = 8750,
    checkpoint: Annotated[list[str] | None, typer.Option(help="run or checkpoint folder to offer; repeatable")] = None,
    device: Annotated[str, typer.Option(help="for the model: cpu, cuda, …; auto: a GPU where there is one")] = "auto",
    allow_host: Annotated[
        list[str] | None, typer.Option(help="a name that the page is opened under; repeatable")
    ] = None,
    max_upload_mb: Annotated[float, typer.Option(help="size of a picture's file")] = 64,
    max_megapixels: Annotated[float, typer.Option(help="size of a picture, told from its header")] = 50,
    memory_mb: Annotated[int, typer.Option(help="memory of a worker; a job that takes more is ended")] = 8000,
    job_timeout_s: Annotated[float, typer.Option(help="a job that takes longer is ended")] = 600,
    queue: Annotated[int, typer.Option(help="jobs that may wait in line; more are refused")] = 8,
    plugin: Annotated[list[str] | None, typer.Option(help="a .py file that registers effects")] = None,
) -> None:
    """A page on this machine: put effects on photos, take them off again, with a brush, a strength and a slider."""
    from uniser_model.serve.command import run_server
    from uniser_model.serve.settings import Settings

    run_server(
        Settings(host, port, tuple(checkpoint or ()), device, tuple(plugin or ()), tuple(allow_host or ()),
                 max_upload_mb, max_megapixels, memory_mb=memory_mb, job_timeout_s=job_timeout_s, queue=queue)
    )  # fmt: skip
