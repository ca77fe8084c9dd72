// Data of this page: gzipped JSON in base64.
const decodeBase64 = (id) => Uint8Array.from(atob(document.getElementById(id).textContent), (c) => c.charCodeAt(0));

async function decompress(id) {
  const stream = new Blob([decodeBase64(id)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

const cache = new Map();
function loadJson(id) {
  if (!cache.has(id)) cache.set(id, decompress(id).then(JSON.parse));
  return cache.get(id);
}

async function loadPlotly() {
  const script = document.createElement("script");
  script.textContent = await decompress("plotly");
  document.head.append(script);
}

// An element with text, which is never interpreted as markup.
function element(name, text = "", attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

const formatNumber = (number, digits = 3) => (number === null || number === undefined ? "–" : number.toFixed(digits));
