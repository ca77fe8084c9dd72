"""The server over HTTP: clips are scored, everything else is refused, and nothing is kept."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest
from tests.serving import hostile
from tests.serving.conftest import Served

KINDS = [*hostile.TEXTS, *hostile.BYTES, "cut"]


@pytest.fixture(scope="module")
def stranger() -> Iterator[tuple[str, list[bytes]]]:
    """The address of a server, and what it was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    caller, _ = server.accept()
                except OSError:
                    return
                with caller:
                    asked.append(caller.recv(100))

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/a.ts", asked
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.fixture(scope="module")
def hostile_files(
    tmp_path_factory: pytest.TempPathFactory, clip: Path, stranger: tuple[str, list[bytes]]
) -> dict[str, tuple[Path, str]]:
    return hostile.files(tmp_path_factory.mktemp("hostile"), clip, stranger[0])


def test_a_clip_gets_a_score_a_reasoning_and_its_frames(served: Served, clip: Path) -> None:
    [upload] = served.send(clip).json()
    shown = served.score(upload)
    assert '<h2 class="vq-name">clip.mp4</h2>' in shown
    assert 'class="vq-score"' in shown
    assert shown.count('src="data:image/jpeg;base64,') == 6
    assert 'alt="Frame 1, at 0.1 s"' in shown
    assert "96×64 pixels" in shown
    assert not served.uploads()


@pytest.mark.parametrize("kind", KINDS)
def test_a_hostile_file_is_refused_by_name_and_opens_nothing(
    served: Served, hostile_files: dict[str, tuple[Path, str]], kind: str,
    stranger: tuple[str, list[bytes]],
) -> None:  # fmt: skip
    path, words = hostile_files[kind]
    [upload] = served.send(path).json()
    shown = served.score(upload)
    assert 'role="alert">Not scored: ' in shown
    assert words in shown
    assert str(served.folder) not in shown
    assert not stranger[1]
    assert not served.uploads()


def test_a_file_beyond_the_limit_never_reaches_the_disk(served: Served, tmp_path: Path) -> None:
    path = tmp_path / "huge.mp4"
    for size in (1_200_000, 1_050_000):  # refused by the gate, and by Gradio
        path.write_bytes(bytes(size))
        assert served.send(path).status_code == 413
    many = [("files", (f"{number}.mp4", bytes(400_000))) for number in range(4)]
    assert served.client.post("/gradio_api/upload", files=many).status_code == 413
    assert not served.uploads()


def test_names_and_paths_lead_nowhere(served: Served, clip: Path) -> None:
    [upload] = served.send(clip, "../../../etc/owned.mp4").json()
    assert Path(upload).resolve().is_relative_to(served.folder)
    assert "owned.mp4</h2>" in served.score(upload)
    assert not served.uploads()
    for path in ("/etc/passwd", "uploads/../../../../../../etc/passwd"):
        shown = served.score(path)
        assert "root:" not in shown
        assert 'class="vq-score"' not in shown


def test_an_address_in_the_place_of_an_upload_is_not_fetched(
    served: Served, stranger: tuple[str, list[bytes]]
) -> None:
    assert 'class="vq-score"' not in served.score(stranger[0])
    assert 'class="vq-score"' not in served.score(stranger[0].replace("http:", "HTTP:"))
    assert not stranger[1]


def test_what_the_page_does_not_need_is_closed(
    served: Served, stranger: tuple[str, list[bytes]]
) -> None:
    client = served.client
    for path in ("proxy=" + stranger[0], "file=" + stranger[0], "deep_link", "vibe-code/"):
        assert client.get(f"/gradio_api/{path}").status_code == 404, path
    for path in ("run/score_a", "process_recording", "component_server"):
        assert client.post(f"/gradio_api/{path}", json={}).status_code == 404, path
    assert client.get("/gradio_api/file=/etc/passwd").status_code in {403, 404}
    assert client.get("/monitoring").status_code == 404
    assert not stranger[1]


def test_nothing_is_taken_from_who_does_not_know_the_password(served: Served, clip: Path) -> None:
    with httpx.Client(base_url=served.address) as client:
        wrong = client.post("/login", data={"username": "anybody", "password": "open"})
        assert wrong.status_code == 400
        files = {"files": ("a.mp4", clip.read_bytes())}
        assert client.post("/gradio_api/upload", files=files).status_code == 401
        asked = client.post("/gradio_api/call/score_a", json={"data": [None]})
        assert asked.status_code == 401
    assert not served.uploads()


def test_another_host_name_is_refused_and_browsers_load_nothing_from_elsewhere(
    served: Served,
) -> None:
    assert httpx.get(served.address, headers={"host": "evil.example"}).status_code == 400
    headers = httpx.get(served.address).headers
    assert "connect-src 'self'" in headers["content-security-policy"]


def test_two_who_drop_the_same_clip_both_get_its_score(served: Served, clip: Path) -> None:
    [first], [second] = served.send(clip).json(), served.send(clip).json()
    assert first == second
    assert 'class="vq-score"' in served.score(first)
    assert len(served.uploads()) == 1
    assert 'class="vq-score"' in served.score(second, "b")
    assert not served.uploads()
    assert "drop the clip again" in served.score(second) or "error" in served.score(second)
