"""Redirects, followed by hand, because a token belongs to the host it was given for.

Behind a redirect to another host, port or scheme it is not sent, and it does not come back. httpx2
and requests would follow by themselves, but read a redirect's body to its end, however long it is,
and httpx2 takes the token along from http to https.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager

import httpx2

from vqathinker.acquisition.transfer.address import Address
from vqathinker.acquisition.transfer.errors import OriginError
from vqathinker.acquisition.transfer.secret import Secret

__all__ = ["follow_redirects"]

_REDIRECTS = {301, 302, 303, 307, 308}
_MOST_REDIRECTS = 10


class _BearerToken(httpx2.Auth):
    """Writes the token into the request and nowhere else."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        yield request


@contextmanager
def follow_redirects(
    client: httpx2.Client, address: Address, headers: dict[str, str], token: Secret | None
) -> Iterator[httpx2.Response]:
    """The first response that is no redirect; its body is not read yet."""
    token_server = address.server
    for _ in range(_MOST_REDIRECTS):
        auth = None if token is None else _BearerToken(token)
        with client.stream("GET", address.url, headers=headers, auth=auth) as response:
            if response.status_code not in _REDIRECTS or "Location" not in response.headers:
                yield response
                return
        target = _redirect_target(address, response)
        if address.server[0] == "https" and target.server[0] != "https":
            raise OriginError(
                f"redirects from https to {target}, where anybody can change the file"
            )
        address = target
        if address.server != token_server:
            token = None
    raise OriginError(f"redirects more than {_MOST_REDIRECTS} times")


def _redirect_target(address: Address, response: httpx2.Response) -> Address:
    """Where a redirect leads; its query may hold a credential, so no frame keeps it as text."""
    try:
        return address.join(response.headers["Location"])
    except ValueError as error:
        reason = str(error)
    raise OriginError(reason)
