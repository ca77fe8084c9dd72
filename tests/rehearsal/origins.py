"""Every origin of the cards and base policies, behind one proxy on loopback.

It answers as the hosts that it is asked for, under a certificate of its own, so that not one
address differs from the real ones: what is rehearsed is the code that will run. Whoever is asked
for anything else gets 404: nothing leaves this machine.
"""

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from tests.origin_server import Handler, Served, Site
from tests.rehearsal.archives import Made
from tests.rehearsal.policies import SLOWFAST

from vqathinker.datasets.card import Card, load_card
from vqathinker.datasets.remote_file import RemoteFile

__all__ = ["COMMIT", "HF_TOKEN", "Origins", "environment_of"]

HUB = "huggingface.co"
CDN = "cdn-lfs.hf.co"
COMMIT = "5ca1ab1e" * 5  # of what the cards and params.yaml leave at `main`
HF_TOKEN = "hf_standInOfARehearsal"  # noqa: S105  opens nothing real
_BUCKET = "storage.googleapis.com"


class _ByHost(Handler):
    """Files stand under their host and path; a gated repository wants the token."""

    site: "Origins"

    def asked_for(self) -> str:
        return f"{self.headers.get('Host', '').removesuffix(':443')}{self.path}"

    def do_POST(self) -> None:  # noqa: N802  as http.server names it
        """The judge: it finds every answer middling."""
        self.close_connection = True
        self.rfile.read(int(self.headers["Content-Length"]))
        text = '{"completeness": 1, "precision": 1, "relevance": 2}'
        content = {"choices": [{"message": {"role": "assistant", "content": text}}]}
        self.site.status(200, json.dumps(content).encode(), Content_Type="application/json")(
            self, Served(b"")
        )


class Origins(Site):
    """The server; `files` by host and path. `gated` are repositories that want the token."""

    answers_with = _ByHost

    def __init__(self, folder: Path, made: Made, policies: Path) -> None:
        self.certificate = _certificate(folder, sorted(_hosts(made)))
        remembered = folder / "port"  # the judge's address is a parameter, and parameters stay
        port = int(remembered.read_text()) if remembered.is_file() else 0
        try:
            super().__init__(self.certificate, proxy=True, port=port)
        except OSError as error:
            raise SystemExit(
                f"port {port} of {remembered}: {error.strerror}; end what listens there, or remove "
                f"{remembered}, and the judge is asked anew"
            ) from None
        remembered.write_text(str(self.server.server_port))
        for name in made.files:
            self._serve_card(load_card(name), made)
        for size in ("1B", "2B", "8B"):
            self._serve_model(f"OpenGVLab/InternVL3-{size}-hf", policies)
        self._serve_model("kkkkkklinhan/InternVL3-VQAThinker-8B", policies)
        weights = f"dl.fbaipublicfiles.com/pytorchvideo/model_zoo/kinetics/{SLOWFAST}"
        self._has(weights, (policies / SLOWFAST).read_bytes())

    def _serve_model(self, repo: str, policies: Path) -> None:
        folder = policies / repo.partition("/")[2]
        files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
        commit = (policies / ".whole").read_text(encoding="utf-8")[
            :40
        ]  # other ones, another commit
        self.serve_repository("model", repo, files, commit=commit)

    def serve_repository(
        self, kind: str, repo: str, files: dict[str, bytes], *, gated: bool = False,
        commit: str = COMMIT,
    ) -> None:  # fmt: skip
        """A repository of the hub at one commit: its listing, and each file, large ones by LFS."""
        api, page = f"{HUB}/api/{kind}s/{repo}", f"{HUB}/{'datasets/' * (kind == 'dataset')}{repo}"
        siblings = [_sibling(path, content) for path, content in files.items()]
        about = {"id": repo, "sha": commit, "siblings": siblings, "private": False,
                 "gated": "manual" if gated else False, "tags": [], "downloads": 0}  # fmt: skip
        listing = json.dumps(about).encode()
        for revision in {commit, "main"}:
            for query in ("", "?blobs=true"):
                self._has(f"{api}/revision/{revision}{query}", listing, gated=gated, json=True)
            for path, content in files.items():
                self._resolve(f"{page}/resolve/{revision}/{path}", commit, path, content, gated)
        tree = [{"type": "file", "oid": s["blobId"], "size": s["size"], "path": s["rfilename"]}
                for s in siblings]  # fmt: skip
        for query in ("?recursive=True&expand=False", "?recursive=true&expand=false"):
            self._has(
                f"{api}/tree/{commit}{query}", json.dumps(tree).encode(), gated=gated, json=True
            )

    def _resolve(self, at: str, commit: str, path: str, content: bytes, gated: bool) -> None:
        """As the hub: small files themselves, those in LFS by a redirect to another host."""
        etag = _sibling(path, content).get("lfs", {}).get("sha256") or _git_id(content)
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": commit}
        if not _is_lfs(path):
            self._has(at, content, gated=gated, headers=headers)
            return
        stored = f"{CDN}/{etag}"
        self._has(stored, content)
        told = {name.replace("-", "_"): value for name, value in headers.items()}
        told |= {"X_Linked_Size": str(len(content)), "X_Linked_Etag": f'"{etag}"'}
        redirect = self.status(302, Location=f"https://{stored}?Signature=stand-in", **told)
        self._has(f"{stored}?Signature=stand-in", content, headers={"ETag": f'"{etag}"'})
        self._has(at, b"", gated=gated, always=redirect)

    def _has(
        self, at: str, content: bytes, *, gated: bool = False, json: bool = False,
        headers: dict[str, str] | None = None, always: Any = None,
    ) -> None:  # fmt: skip
        kind = "application/json" if json else "application/octet-stream"
        shown = {"ETag": f'"{hashlib.md5(content).hexdigest()}"', "Content-Type": kind}  # noqa: S324
        served = Served(content, headers={**shown, **(headers or {})}, always=always)
        ordinary = always or self.whole()
        if gated:

            def ask_for_token(handler: Handler, served: Served) -> None:
                if handler.headers.get("Authorization") == f"Bearer {HF_TOKEN}":
                    ordinary(handler, served)
                else:
                    self.status(401, b"{}", X_Error_Code="GatedRepo")(handler, served)

            served.always = ask_for_token
        self.files[at] = served

    def _serve_card(self, card: Card, made: Made) -> None:
        repositories: dict[tuple[str, str | None], dict[str, bytes]] = {}
        for file in card.files:
            if file.hub is not None:
                found = repositories.setdefault((file.hub.repo, file.hub.revision), {})
                found[file.name] = made.path(card.name, file.name).read_bytes()
            elif file.drive_id is not None:
                self._serve_drive(file.drive_id, made.path(card.name, file.name).read_bytes())
            elif file.per_video:
                names = [name for name in made.files[card.name] if name.endswith(".mp4")]
                self._serve_bucket(file, {n: made.path(card.name, n).read_bytes() for n in names})
            else:
                for one in file.parts or ([] if file.manual else [file]):
                    for url in one.urls:
                        at = url.removeprefix("https://")
                        self._has(at, made.path(card.name, one.name).read_bytes())
        for (repo, revision), files in repositories.items():
            gated = card.access.token_env == "HF_TOKEN"  # noqa: S105  the variable's name
            self.serve_repository("dataset", repo, files, gated=gated, commit=revision or COMMIT)

    def _serve_drive(self, key: str, content: bytes) -> None:
        """Behind the page that says that no virus scanner has looked."""
        form = (
            '<p>Google Drive can\'t scan this file for viruses.</p>\n<form id="download-form" '
            'action="https://drive.usercontent.google.com/download" method="get">'
            + "".join(
                f'<input type="hidden" name="{name}" value="{value}">'
                for name, value in (("id", key), ("export", "download"), ("confirm", "t"))
            )
            + "</form>"
        )
        page = self.status(200, form.encode(), Content_Type="text/html; charset=utf-8")
        self._has(f"drive.google.com/uc?id={key}", b"", always=page)
        self._has(
            f"drive.usercontent.google.com/download?id={key}&export=download&confirm=t",
            content,
            headers={"Content-Disposition": 'attachment; filename="VDPVE_train.zip"'},
        )

    def _serve_bucket(self, file: RemoteFile, videos: dict[str, bytes]) -> None:
        items = []
        for name, content in videos.items():
            digest = base64.b64encode(hashlib.md5(content).digest()).decode()  # noqa: S324
            items.append({"name": f"original_videos_h264/{name}", "size": str(len(content)),
                          "md5Hash": digest})  # fmt: skip
            at = file.for_video(name).urls[0].removeprefix("https://")
            self._has(at, content, headers={"x-goog-hash": f"md5={digest}"})
        listing = f"{_BUCKET}/storage/v1/b/ugc-dataset/o?prefix=original_videos_h264/"
        self._has(listing, json.dumps({"items": items}).encode(), json=True)


def environment_of(origins: Origins, home: Path) -> dict[str, str]:
    """Variables under which every client asks the stand-ins, and keeps what comes below `home`."""
    trusted = str(origins.certificate[0])
    return {
        "HTTPS_PROXY": origins.url(""),
        "https_proxy": origins.url(""),
        "NO_PROXY": "127.0.0.1,localhost",
        "SSL_CERT_FILE": trusted,
        "REQUESTS_CA_BUNDLE": trusted,
        "HF_HOME": str(home / "huggingface"),
        "TORCH_HOME": str(home / "torch"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }


def _hosts(made: Made) -> set[str]:
    hosts = {HUB, CDN, _BUCKET, "drive.google.com", "drive.usercontent.google.com",
             "dl.fbaipublicfiles.com"}  # fmt: skip
    for name in made.files:
        for file in load_card(name).files:
            urls = [url for one in (file, *file.parts) for url in one.urls]
            hosts |= {urlsplit(url).hostname or "" for url in urls}
    return hosts


def _is_lfs(path: str) -> bool:
    return path.endswith((".safetensors", ".zip", ".gz", ".json")) and not path.endswith(
        ("config.json", "index.json")
    )


def _git_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324  git's


def _sibling(path: str, content: bytes) -> dict[str, Any]:
    told: dict[str, Any] = {"rfilename": path, "size": len(content), "blobId": _git_id(content)}
    if _is_lfs(path):
        digest = hashlib.sha256(content).hexdigest()
        told["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 134}
    return told


def _certificate(folder: Path, names: list[str]) -> tuple[Path, Path]:
    """A certificate for these hosts that is its own authority, and its key."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stand-in of a rehearsal")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return paths
