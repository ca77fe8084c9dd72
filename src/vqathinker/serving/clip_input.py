"""Where a clip is dropped: Gradio's own field, but for what that would fetch and keep.

Two of its methods are replaced in the field itself: for every class that is derived from one of its
own, Gradio writes a file of types into this folder.
"""

import gradio as gr
from gradio.data_classes import FileData, ListFiles

from vqathinker.errors import InputError

__all__ = ["clip_input"]


def clip_input(label: str) -> gr.File:
    """A field for a file that was uploaded; an address in its place is refused, not fetched."""
    field = gr.File(label=label, height=140)
    field.async_move_resource_to_block_cache = _stay_where_it_is
    field.preprocess = _path_of  # Gradio's own leaves an empty file behind
    return field


async def _stay_where_it_is(url_or_file_path: object) -> str | None:
    if url_or_file_path is None:
        return None
    path = str(url_or_file_path)
    if "://" in path:
        raise InputError("an address: expected a clip that was uploaded")
    return path


def _path_of(payload: ListFiles | FileData | None) -> str | None:
    if isinstance(payload, ListFiles):
        payload = payload[0]
    return None if payload is None else str(payload.path)
