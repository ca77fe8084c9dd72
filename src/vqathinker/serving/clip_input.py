"""Where a clip is dropped: Gradio's own field, but for what it would fetch and keep."""

import gradio as gr
from gradio.data_classes import FileData, ListFiles

from vqathinker.errors import InputError

__all__ = ["ClipInput"]


class ClipInput(gr.File):
    """A field for a file that was uploaded; an address in its place is refused, not fetched."""

    is_template = True  # drawn in the browser as the class above it

    async def async_move_resource_to_block_cache(self, url_or_file_path: object) -> str | None:
        """The upload stays where it is. Raises InputError for anything else."""
        if url_or_file_path is None:
            return None
        path = str(url_or_file_path)
        if "://" in path:
            raise InputError("an address: expected a clip that was uploaded")
        return path

    def preprocess(self, payload: ListFiles | FileData | None) -> str | None:  # type: ignore[override]
        """Path of the upload; Gradio's own leaves an empty file behind for each."""
        if isinstance(payload, ListFiles):
            payload = payload[0]
        return None if payload is None else payload.path
