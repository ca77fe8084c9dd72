"""A local proxy that answers like every server that cards and base policies name.

It has a certificate for all these hosts, so that addresses and code are the real ones. All other
requests get 404: nothing leaves this machine.
"""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.origin_server import Handler, Served, Site, make_certificate
from tests.rehearsal.policies import SLOWFAST
from tests.rehearsal.sets import counts

from vqathinker.datasets.card import Card, load_card
from vqathinker.datasets.remote_file import RemoteFile

HUB = "huggingface.co"
CDN = "cdn-lfs.hf.co"
COMMIT = "5ca1ab1e" * 5  # of revision `main`
HF_TOKEN = "hf_standInOfARehearsal"  # noqa: S105  not a real token
_BUCKET = "storage.googleapis.com"


class _ByHost(Handler):
    """Looks up files by host and path."""

    site: "Origins"

    def file_key(self) -> str:
        return f"{self.headers.get('Host', '').removesuffix(':443')}{self.path}"

    def do_POST(self) -> None:  # noqa: N802  as http.server names it
        """Answer as the judge, with middling grades."""
        self.close_connection = True
        self.rfile.read(int(self.headers["Content-Length"]))
        text = '{"completeness": 1, "precision": 1, "relevance": 2}'
        content = {"choices": [{"message": {"role": "assistant", "content": text}}]}
        self.site.status(200, json.dumps(content).encode(), Content_Type="application/json")(
            self, Served(b"")
        )


class Origins(Site):
    """The proxy; `files` has responses by host and path."""

    handler_class = _ByHost

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificate = make_certificate(folder, *sorted(_hosts()))
        # A new port would change the URL of the judge, a parameter, and rerun its jobs.
        last = folder / "port"
        port = int(last.read_text()) if last.is_file() else 0
        try:
            super().__init__(self.certificate, proxy=True, port=port)
        except OSError as error:
            raise SystemExit(
                f"port {port} of {last}: {error.strerror}; stop the program that uses it (another "
                f"rehearsal?), or remove {last} to use a new port and repeat the jobs of the judge"
            ) from None
        last.write_text(str(self.server.server_port))
        for name in counts():
            self._serve_card(load_card(name))
        owners = {f"InternVL3-{size}-hf": "OpenGVLab" for size in ("1B", "2B", "8B")}
        owners["InternVL3-VQAThinker-8B"] = "kkkkkklinhan"
        for model, owner in owners.items():
            paths = sorted((folder / "policies" / model).iterdir())
            files = {path.name: path.read_bytes() for path in paths}
            self._serve_repository("model", f"{owner}/{model}", files)
        weights = f"dl.fbaipublicfiles.com/pytorchvideo/model_zoo/kinetics/{SLOWFAST}"
        self._add(weights, (folder / "policies" / SLOWFAST).read_bytes())

    def _file(self, card: str, name: str) -> bytes:
        return (self.folder / "origin" / card / name).read_bytes()

    def _serve_repository(
        self, kind: str, repo: str, files: dict[str, bytes], *, gated: bool = False,
        commit: str = COMMIT,
    ) -> None:  # fmt: skip
        """Serve a repository of the hub at one commit; a gated one requires the token."""
        api, page = f"{HUB}/api/{kind}s/{repo}", f"{HUB}/{'datasets/' * (kind == 'dataset')}{repo}"
        siblings = [_sibling(path, content) for path, content in files.items()]
        about = {"id": repo, "sha": commit, "siblings": siblings, "private": False,
                 "gated": "manual" if gated else False, "tags": [], "downloads": 0}  # fmt: skip
        listing = json.dumps(about).encode()
        for revision in {commit, "main"}:
            for query in ("", "?blobs=true"):
                self._add(f"{api}/revision/{revision}{query}", listing, gated=gated, json=True)
            for path, content in files.items():
                self._resolve(f"{page}/resolve/{revision}/{path}", commit, path, content, gated)
        tree = [{"type": "file", "oid": s["blobId"], "size": s["size"], "path": s["rfilename"]}
                for s in siblings]  # fmt: skip
        for query in ("?recursive=True&expand=False", "?recursive=true&expand=false"):
            self._add(
                f"{api}/tree/{commit}{query}", json.dumps(tree).encode(), gated=gated, json=True
            )

    def _resolve(self, at: str, commit: str, path: str, content: bytes, gated: bool) -> None:
        """Serve small files directly, and files in LFS by a redirect to another host."""
        etag = _sibling(path, content).get("lfs", {}).get("sha256") or _git_id(content)
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": commit}
        if not _is_lfs(path):
            self._add(at, content, gated=gated, headers=headers)
            return
        stored = f"{CDN}/{etag}"
        self._add(stored, content)
        linked = {name.replace("-", "_"): value for name, value in headers.items()}
        linked |= {"X_Linked_Size": str(len(content)), "X_Linked_Etag": f'"{etag}"'}
        redirect = self.status(302, Location=f"https://{stored}?Signature=stand-in", **linked)
        self._add(f"{stored}?Signature=stand-in", content, headers={"ETag": f'"{etag}"'})
        self._add(at, b"", gated=gated, always=redirect)

    def _add(
        self, at: str, content: bytes, *, gated: bool = False, json: bool = False,
        headers: dict[str, str] | None = None, always: Any = None,
    ) -> None:  # fmt: skip
        kind = "application/json" if json else "application/octet-stream"
        defaults = {"ETag": f'"{hashlib.md5(content).hexdigest()}"', "Content-Type": kind}  # noqa: S324
        served = Served(content, headers={**defaults, **(headers or {})}, always=always)
        ordinary = always or self.whole()
        if gated:

            def ask_for_token(handler: Handler, served: Served) -> None:
                if handler.headers.get("Authorization") == f"Bearer {HF_TOKEN}":
                    ordinary(handler, served)
                else:
                    self.status(401, b"{}", X_Error_Code="GatedRepo")(handler, served)

            served.always = ask_for_token
        self.files[at] = served

    def _serve_card(self, card: Card) -> None:
        repositories: dict[tuple[str, str | None], dict[str, bytes]] = {}
        for file in card.files:
            if file.hub is not None:
                found = repositories.setdefault((file.hub.repo, file.hub.revision), {})
                found[file.name] = self._file(card.name, file.name)
            elif file.drive_id is not None:
                self._serve_drive(file.drive_id, self._file(card.name, file.name))
            elif file.per_video:
                self._serve_bucket(file, sorted((self.folder / "origin" / card.name).glob("*.mp4")))
            else:
                for one in file.parts or ([] if file.manual else [file]):
                    for url in one.urls:
                        self._add(url.removeprefix("https://"), self._file(card.name, one.name))
        for (repo, revision), files in repositories.items():
            gated = card.access.token_env == "HF_TOKEN"  # noqa: S105  the variable's name
            self._serve_repository("dataset", repo, files, gated=gated, commit=revision or COMMIT)

    def _serve_drive(self, key: str, content: bytes) -> None:
        """Serve a file after Drive's page about the missing virus scan."""
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
        self._add(f"drive.google.com/uc?id={key}", b"", always=page)
        self._add(
            f"drive.usercontent.google.com/download?id={key}&export=download&confirm=t",
            content,
            headers={"Content-Disposition": 'attachment; filename="VDPVE_train.zip"'},
        )

    def _serve_bucket(self, file: RemoteFile, videos: list[Path]) -> None:
        items = []
        for video in videos:
            name, content = video.name, video.read_bytes()
            digest = base64.b64encode(hashlib.md5(content).digest()).decode()  # noqa: S324
            items.append({"name": f"original_videos_h264/{name}", "size": str(len(content)),
                          "md5Hash": digest})  # fmt: skip
            at = file.for_video(name).urls[0].removeprefix("https://")
            self._add(at, content, headers={"x-goog-hash": f"md5={digest}"})
        listing = f"{_BUCKET}/storage/v1/b/ugc-dataset/o?prefix=original_videos_h264/"
        self._add(listing, json.dumps({"items": items}).encode(), json=True)


def environment_of(origins: Origins, home: Path) -> dict[str, str]:
    """Variables with which all clients use the proxy, and cache files in `home`."""
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


def _hosts() -> set[str]:
    hosts = {HUB, CDN, _BUCKET, "drive.google.com", "drive.usercontent.google.com",
             "dl.fbaipublicfiles.com"}  # fmt: skip
    for name in counts():
        for file in load_card(name).files:
            urls = [url for one in (file, *file.parts) for url in one.urls]
            hosts |= {urlsplit(url).hostname or "" for url in urls}
    return hosts


def _is_lfs(path: str) -> bool:
    return path.endswith((".safetensors", ".zip", ".gz", ".json")) and not path.endswith(
        ("config.json", "index.json")
    )


def _git_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324  git uses it


def _sibling(path: str, content: bytes) -> dict[str, Any]:
    sibling: dict[str, Any] = {"rfilename": path, "size": len(content), "blobId": _git_id(content)}
    if _is_lfs(path):
        digest = hashlib.sha256(content).hexdigest()
        sibling["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 134}
    return sibling
