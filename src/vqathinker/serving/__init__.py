"""A page to try a policy: drop a clip, see its score, the reasoning and the frames.

The page needs Gradio (`pip install 'vqathinker[serve]'`), is bound to this machine by default, and
keeps no uploads.
"""

import os

# Gradio and huggingface_hub read these when they are imported; neither is to call home.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

from vqathinker.serving.page import Page as Page
from vqathinker.serving.page import build as build
from vqathinker.serving.server import serve as serve
