"""The command line."""

import click
import uvicorn


@click.group()
def main() -> None:
    """Twofold: a sign-in service with two-factor authentication."""


@main.command()
@click.option("--host", default="127.0.0.1")
@click.option("--port", default=8000)
@click.option("--workers", default=1)
def serve(host: str, port: int, workers: int) -> None:
    """Serve pages and API."""
    uvicorn.run("twofold.app:from_environment", factory=True, host=host, port=port, workers=workers, access_log=False)
