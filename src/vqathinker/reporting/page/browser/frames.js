// Frames of clips: squares of a sheet, in any order.
const sheetUrls = new Map();
function sheetUrl(sheet) {
  if (!document.getElementById(sheet)) return encodeURI(sheet).replace(/[#?]/g, encodeURIComponent);
  if (!sheetUrls.has(sheet)) {
    sheetUrls.set(sheet, URL.createObjectURL(new Blob([decodeBase64(sheet)], { type: "image/webp" })));
  }
  return sheetUrls.get(sheet);
}

// The frames of a clip in this order; -1 is a blank frame. Null if there are none.
function frameStrip(benchmark, row, order, words) {
  const thumbs = benchmark.thumbs;
  const at = thumbs?.place[row];
  if (at === null || at === undefined) return null;
  const indices = order ?? [...Array(thumbs.frames).keys()];
  if (indices.some((index) => index >= thumbs.frames)) return null;
  const strip = element("div", "", { class: "strip", role: "img", "aria-label": words });
  const sheet = Math.floor(at / thumbs.rows);
  const rows = Math.min(thumbs.rows, thumbs.place.filter((one) => one !== null).length - sheet * thumbs.rows);
  for (const index of indices) {
    const frame = element("span");
    if (index < 0) frame.className = "blank";
    else {
      frame.style.backgroundImage = `url("${sheetUrl(thumbs.sheets[sheet])}")`;
      frame.style.backgroundSize = `${thumbs.frames * 100}% ${rows * 100}%`;
      const across = thumbs.frames > 1 ? (index / (thumbs.frames - 1)) * 100 : 0;
      const down = rows > 1 ? ((at % thumbs.rows) / (rows - 1)) * 100 : 0;
      frame.style.backgroundPosition = `${across}% ${down}%`;
    }
    strip.append(frame);
  }
  return strip;
}
