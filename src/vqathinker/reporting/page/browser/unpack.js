// Data of this page: JSON, gzipped, in base64.
const bytesOf = (id) => Uint8Array.from(atob(document.getElementById(id).textContent), (c) => c.charCodeAt(0));

async function textOf(id) {
  const stream = new Blob([bytesOf(id)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

const kept = new Map();
function contentOf(id) {
  if (!kept.has(id)) kept.set(id, textOf(id).then(JSON.parse));
  return kept.get(id);
}

async function loadPlotly() {
  const script = document.createElement("script");
  script.textContent = await textOf("plotly");
  document.head.append(script);
}

// An element with text in it: text is never read as markup.
function element(name, text = "", attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

const shown = (number, digits = 3) => (number === null || number === undefined ? "–" : number.toFixed(digits));
