"""How the page looks: Gradio's colours for both themes, the system's own fonts."""

__all__ = ["CSS", "FONTS", "MONO"]

FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
MONO = ("ui-monospace", "Menlo", "Consolas", "monospace")

CSS = """
.vq, .vq-intro, .vq-comparison { --alarm: #ea580c;
  --quiet: color-mix(in srgb, var(--body-text-color) 75%, var(--body-background-fill)); }
[data-testid="upload-text"] .or { color: inherit !important; }
.vq h2.vq-name { overflow-wrap: anywhere; margin: 0; font-size: 1rem; }
.vq h3 { margin: 1.25rem 0 .5rem; font-size: .875rem; font-weight: 600; }
.vq-score { margin: .5rem 0 .25rem; font-size: 1.125rem; }
.vq-score strong { font-size: 2.5rem; font-weight: 700; line-height: 1.1; }
.vq-meter { display: block; height: .5rem; border-radius: .25rem; overflow: hidden;
  background: var(--border-color-primary); }
.vq-meter i { display: block; height: 100%; background: var(--color-accent); }
.vq-note { margin: .5rem 0 0; font-size: .875rem; color: var(--quiet); }
.vq blockquote { margin: 0 !important; padding: .5rem .75rem; overflow-wrap: anywhere;
  white-space: pre-wrap;
  border-left: 3px solid var(--color-accent); background: var(--background-fill-secondary); }
.vq-frames { list-style: none; margin: 0; padding: 0; display: grid; gap: .25rem;
  grid-template-columns: repeat(auto-fill, minmax(5.5rem, 1fr)); }
.vq-frames li { margin: 0; padding: 0; }
.vq-frames img { display: block; width: 100%; height: auto; border-radius: .25rem; }
.vq-refusal, .vq-warnings { margin: .75rem 0; padding: .5rem .75rem; overflow-wrap: anywhere;
  border-left: 3px solid var(--alarm); background: var(--background-fill-secondary); }
.vq-warnings { list-style-position: inside; }
.vq-comparison { margin: 0; padding: .75rem 1rem; font-size: 1.125rem; text-align: center;
  border-radius: .5rem; background: var(--background-fill-secondary); }
@media (min-width: 700px) {
  .vq-intro { order: -2; }
  #comparison { order: -1; }
}
.vq-intro h1 { margin: 0 0 .25rem; font-size: 1.5rem; }
.vq-intro p { margin: 0; color: var(--quiet); }
"""
