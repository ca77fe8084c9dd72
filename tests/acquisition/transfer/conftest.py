"""What downloads of tests share: a context, certificates, an address where nobody listens."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from vqathinker.acquisition.transfer.context import Clock, DownloadContext
from vqathinker.acquisition.transfer.retry import RetryPolicy


@pytest.fixture(scope="session")
def twenty_megabytes() -> bytes:
    return np.random.default_rng(20).bytes(20_000_000)


@pytest.fixture
def slept() -> list[float]:
    """Seconds that the downloads of a test have waited between tries; no time passes."""
    return []


@pytest.fixture
def context(slept: list[float]) -> DownloadContext:
    policy = RetryPolicy(
        attempts=3,
        first_wait_s=1.0,
        longest_wait_s=8.0,
        longest_retry_after_s=60.0,
        connect_timeout_s=60.0,
        read_timeout_s=60.0,
        slowest_bytes_per_s=1000.0,
    )
    return DownloadContext(policy, np.random.default_rng(0), clock=Clock(sleep=slept.append))


@pytest.fixture
def impatient(context: DownloadContext) -> DownloadContext:
    """A context for servers that never say another word: how long they are waited for is no matter.

    Whatever has to come must not come from a server under it, for a busy machine may be late.
    """
    return replace(context, policy=replace(context.policy, read_timeout_s=0.2))


@pytest.fixture
def nobody_listens() -> Iterator[str]:
    """An address where no server is; it is taken, so that no other test gets it meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/file"


@pytest.fixture(scope="session")
def make_certificate(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Path, Path]]:
    """make_certificate("name", days=1) is a certificate, its own authority, and its key.

    It is valid from a year ago until `days` from now.
    """

    def make(*names: str, days: int = 1) -> tuple[Path, Path]:
        folder = tmp_path_factory.mktemp("certificate")
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        now = datetime.now(UTC)
        hosts = [
            x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
            for name in names
        ]
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=365))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        (folder / "certificate.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "key.pem").write_bytes(private)
        return folder / "certificate.pem", folder / "key.pem"

    return make
