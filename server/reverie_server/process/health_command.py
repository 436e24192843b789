"""`reverie health`: checks the health of a server and returns the result as the exit status, for probes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command(short_help="Check the health of a server.")
@click.argument("address", default="127.0.0.1:50051")
@click.option(
    "--service", default="", help="One service, such as reverie.v1.VisualizationService. Default: the server."
)
@click.option("--timeout", default=3.0, show_default=True, help="Seconds to wait for the answer.")
@click.option(
    "--tls-ca", type=click.Path(dir_okay=False, path_type=Path), help="PEM file of authorities: ask through TLS."
)
@click.option("--tls-name", help="The name expected in the server's certificate.")
def health(address: str, service: str, timeout: float, tls_ca: Path | None, tls_name: str | None) -> None:
    """Check the health of the server at ADDRESS by grpc.health.v1; the exit status is 0 if it is serving, else 1.

    Prints the status that the server returns. Needs no API key.
    """
    import grpc

    from reverie_server.rpc.health import PACKAGE, SERVING, STATUSES, HealthCheckRequest, HealthCheckResponse

    options = [("grpc.ssl_target_name_override", tls_name)] if tls_name else []
    channel: Any
    if tls_ca is None:
        channel = grpc.insecure_channel(address, options)
    else:
        try:
            trusted = grpc.ssl_channel_credentials(tls_ca.read_bytes())
        except OSError as error:
            raise click.ClickException(f"{tls_ca} cannot be read: {error.strerror}") from error
        channel = grpc.secure_channel(address, trusted, options)
    with channel:
        check = channel.unary_unary(
            f"/{PACKAGE}.Health/Check", HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
        )
        try:
            status = check(HealthCheckRequest(service=service), timeout=timeout).status
        except grpc.RpcError as error:
            raise click.ClickException(f"{address} does not answer: {error.code().name}, {error.details()}") from None
    click.echo(STATUSES[status])
    if status != SERVING:
        raise click.exceptions.Exit(1)
