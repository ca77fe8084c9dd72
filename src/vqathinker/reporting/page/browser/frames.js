// Frames of clips: squares cut out of a sheet, in any order.
const addresses = new Map();
function addressOf(sheet) {
  if (!document.getElementById(sheet)) return encodeURI(sheet).replace(/[#?]/g, encodeURIComponent);
  if (!addresses.has(sheet)) {
    addresses.set(sheet, URL.createObjectURL(new Blob([bytesOf(sheet)], { type: "image/webp" })));
  }
  return addresses.get(sheet);
}

// The frames of a clip in this order; -1 is a blank frame. Null where there are none.
function stripOf(place, row, order, words) {
  const thumbs = place.thumbs;
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
      frame.style.backgroundImage = `url("${addressOf(thumbs.sheets[sheet])}")`;
      frame.style.backgroundSize = `${thumbs.frames * 100}% ${rows * 100}%`;
      const across = thumbs.frames > 1 ? (index / (thumbs.frames - 1)) * 100 : 0;
      const down = rows > 1 ? ((at % thumbs.rows) / (rows - 1)) * 100 : 0;
      frame.style.backgroundPosition = `${across}% ${down}%`;
    }
    strip.append(frame);
  }
  return strip;
}
