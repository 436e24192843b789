"""`reverie health`: checks the health of a server and returns the result as the exit status, for probes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from reverie_proto.connecting import Cause, cause
from reverie_proto.printable import printable

#: What to do if the command and the server do not understand each other.
REMEDIES: dict[Cause, str] = {
    Cause.TLS_SERVER: "if it has TLS, use --tls-ca",
    Cause.PLAINTEXT_SERVER: "leave out --tls-ca, or give the server --tls-cert and --tls-key",
    Cause.EXPIRED: "renew it",
    Cause.NOT_YET_VALID: "check the clock, or the certificate",
    Cause.OTHER_NAME: "say which to expect with --tls-name",
    Cause.UNTRUSTED: "name its authority with --tls-ca",
    Cause.CLIENT_REFUSED: "give a certificate that its authorities signed with --tls-cert and --tls-key",
}

PEM = click.Path(dir_okay=False, path_type=Path)


class Unhealthy(click.ClickException):
    """No status was returned; the exit status is 1, as for a server that does not serve."""

    def format_message(self) -> str:
        """Return the message, in which texts of a server cannot control the terminal."""
        return printable(self.message)


@click.command(short_help="Check the health of a server.")
@click.argument("address", default="127.0.0.1:50051")
@click.option(
    "--service", default="", help="One service, such as reverie.v1.VisualizationService. Default: the server."
)
@click.option("--timeout", default=3.0, show_default=True, help="Seconds to wait for the answer.")
@click.option("--tls-ca", type=PEM, help="PEM file of authorities: ask through TLS.")
@click.option("--tls-name", help="The name expected in the server's certificate.")
@click.option("--tls-cert", type=PEM, help="PEM file of a certificate of one's own, where the server asks for one.")
@click.option("--tls-key", type=PEM, help="PEM file of that certificate's private key.")
def health(
    address: str,
    service: str,
    timeout: float,
    tls_ca: Path | None,
    tls_name: str | None,
    tls_cert: Path | None,
    tls_key: Path | None,
) -> None:
    """Check the health of the server at ADDRESS by grpc.health.v1; the exit status is 0 if it is serving, else 1.

    Prints the status that the server returns. Needs no API key.
    """
    import grpc

    from reverie_server.rpc.health import PACKAGE, SERVING, STATUSES, HealthCheckRequest, HealthCheckResponse

    if (tls_cert is None) != (tls_key is None) or (tls_cert and tls_ca is None):
        raise click.UsageError("a certificate of one's own needs --tls-cert, --tls-key and --tls-ca")
    options = [("grpc.ssl_target_name_override", tls_name)] if tls_name else []
    channel: Any
    if tls_ca is None:
        channel = grpc.insecure_channel(address, options)
    else:
        contents = [None if file is None else _contents(file) for file in (tls_ca, tls_key, tls_cert)]
        channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(*contents), options)
    with channel:
        check = channel.unary_unary(
            f"/{PACKAGE}.Health/Check", HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
        )
        try:
            status = check(HealthCheckRequest(service=service), timeout=timeout).status
        except grpc.RpcError as error:
            raise Unhealthy(f"{address} does not answer: {_reason(error, plaintext=tls_ca is None)}") from None
    click.echo(STATUSES[status])
    if status != SERVING:
        raise click.exceptions.Exit(1)


def _contents(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Unhealthy(f"{file} cannot be read: {error.strerror}") from error


def _reason(error: Any, *, plaintext: bool) -> str:
    """Return why a call failed, with a remedy if plaintext met TLS or a certificate was not accepted."""
    said = f"{error.code().name}, {error.details()}"
    known = cause(error.details() or "", plaintext=plaintext)
    return said if known is None else f"{known.value}; {REMEDIES[known]} ({said})"
