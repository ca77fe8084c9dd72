"""A web page that scores uploaded clips.

It needs Gradio (`pip install 'vqathinker[serve]'`), is only reachable from this machine by default,
and keeps no uploads.
"""

import os

# Gradio and huggingface_hub read these when they are imported. They turn telemetry off.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

from vqathinker.serving.page import Page as Page
from vqathinker.serving.page import build as build
