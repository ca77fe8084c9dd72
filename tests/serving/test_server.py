"""The server over HTTP: it scores clips, rejects everything else, and keeps nothing."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest
from tests.serving import hostile
from tests.serving.conftest import Served


@pytest.fixture(scope="module")
def other_server() -> Iterator[tuple[str, list[bytes]]]:
    """The address of a server that must never be contacted, and the requests that it got."""
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    requests.append(client.recv(100))

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/a.ts", requests
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_a_clip_gets_score_reasoning_and_frames(served: Served, clip: Path) -> None:
    [upload] = served.send(clip).json()
    panel = served.score(upload)
    assert '<h2 class="vq-name">clip.mp4</h2>' in panel
    assert 'class="vq-score"' in panel
    assert panel.count('src="data:image/jpeg;base64,') == 6
    assert 'alt="Frame 1, at 0.1 s"' in panel
    assert "96×64 pixels" in panel
    assert not served.uploads()


@pytest.mark.parametrize("name", hostile.NAMES)
def test_hostile_files_are_rejected_and_open_nothing(
    served: Served, clip: Path, tmp_path: Path, name: str, other_server: tuple[str, list[bytes]]
) -> None:
    address, requests = other_server
    path, words = hostile.write(name, tmp_path, clip, address)
    [upload] = served.send(path).json()
    panel = served.score(upload)
    assert 'role="alert">Not scored: ' in panel
    assert words in panel
    assert str(served.folder) not in panel
    assert not requests
    assert not served.uploads()


def test_files_above_the_size_limit_never_reach_the_disk(served: Served, tmp_path: Path) -> None:
    path = tmp_path / "huge.mp4"
    for size in (1_200_000, 1_050_000):  # rejected by the request filter, and by Gradio
        path.write_bytes(bytes(size))
        assert served.send(path).status_code == 413
    many = [("files", (f"{number}.mp4", bytes(400_000))) for number in range(4)]
    assert served.client.post("/gradio_api/upload", files=many).status_code == 413
    assert not served.uploads()


def test_names_and_paths_cannot_leave_the_upload_folder(served: Served, clip: Path) -> None:
    [upload] = served.send(clip, "../../../etc/owned.mp4").json()
    assert Path(upload).resolve().is_relative_to(served.folder)
    assert "owned.mp4</h2>" in served.score(upload)
    assert not served.uploads()
    for path in ("/etc/passwd", "uploads/../../../../../../etc/passwd"):
        panel = served.score(path)
        assert "root:" not in panel
        assert 'class="vq-score"' not in panel


def test_addresses_and_other_endpoints_of_gradio_are_blocked(
    served: Served, other_server: tuple[str, list[bytes]]
) -> None:
    address, requests = other_server
    assert 'class="vq-score"' not in served.score(address)
    assert 'class="vq-score"' not in served.score(address.replace("http:", "HTTP:"))
    client = served.client
    for path in ("proxy=" + address, "file=" + address, "deep_link", "vibe-code/"):
        assert client.get(f"/gradio_api/{path}").status_code == 404, path
    for path in ("run/score_a", "process_recording", "component_server"):
        assert client.post(f"/gradio_api/{path}", json={}).status_code == 404, path
    assert client.get("/gradio_api/file=/etc/passwd").status_code in {403, 404}
    assert client.get("/monitoring").status_code == 404
    assert not requests


def test_nothing_works_without_the_password(served: Served, clip: Path) -> None:
    with httpx.Client(base_url=served.address) as client:
        wrong = client.post("/login", data={"username": "anybody", "password": "open"})
        assert wrong.status_code == 400
        files = {"files": ("a.mp4", clip.read_bytes())}
        assert client.post("/gradio_api/upload", files=files).status_code == 401
        call = client.post("/gradio_api/call/score_a", json={"data": [None]})
        assert call.status_code == 401
    assert not served.uploads()


def test_other_host_names_are_rejected_and_browsers_load_nothing_from_elsewhere(
    served: Served,
) -> None:
    assert httpx.get(served.address, headers={"host": "evil.example"}).status_code == 400
    headers = httpx.get(served.address).headers
    assert "connect-src 'self'" in headers["content-security-policy"]


def test_two_people_can_upload_the_same_clip(served: Served, clip: Path) -> None:
    [first], [second] = served.send(clip).json(), served.send(clip).json()
    assert first == second
    assert 'class="vq-score"' in served.score(first)
    assert len(served.uploads()) == 1
    assert 'class="vq-score"' in served.score(second, "b")
    assert not served.uploads()
    assert 'class="vq-score"' not in served.score(second)
