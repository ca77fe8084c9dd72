// Plots: traces and axes of the data, with the colours of the theme.
const config = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["toImage", "select2d", "lasso2d", "autoScale2d"], displayModeBar: false, topojsonURL: "", plotlyServerURL: "" };

function coloured(value) {
  if (typeof value === "string" && /^@(\d|line|text)$/.test(value)) return colour(/\d/.test(value) ? `c${value[1]}` : value.slice(1));
  if (Array.isArray(value)) return value.map(coloured);
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, coloured(one)]));
  return value;
}

const titled = (axis) => (axis?.title ? { ...axis, title: { ...axis.title, standoff: 6, font: { size: 13 } } } : axis);

function layoutOf(layout, width) {
  const narrow = width < 520;
  const axis = { gridcolor: colour("line"), zerolinecolor: colour("muted"), linecolor: colour("line"), automargin: true };
  const { panels, height, ...own } = layout;
  return coloured({
    margin: { l: narrow ? 50 : 60, r: 16, t: 16, b: 55 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: narrow ? 11 : 13, color: colour("text") },
    hoverlabel: { bgcolor: colour("card"), font: { color: colour("text") }, bordercolor: colour("line"), align: "left" },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 }, showlegend: true, dragmode: "zoom", hovermode: "closest",
    ...own, height, width: paper.matches ? 660 : undefined, autosize: !paper.matches,
    xaxis: { ...axis, ...titled(own.xaxis) }, yaxis: { ...axis, ...titled(own.yaxis) },
  });
}

// As plots.plain: plotly.js reads some tags and entities, and coloured() reads @1.
const plain = (text) => String(text ?? "").replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/@/g, "&#64;");

async function draw(box, data, layout) {
  const axes = box._fullLayout && box.dataset.drawn === box.dataset.view ? zoomOf(box) : {};
  box.style.height = `${layout.height}px`;
  const wanted = layoutOf(layout, box.clientWidth);
  for (const [name, range] of Object.entries(axes)) Object.assign(wanted[name], { range, autorange: false });
  await Plotly.react(box, coloured(data), wanted, config);
  box.dataset.drawn = box.dataset.view ?? "";
}

function zoomOf(box) {
  const found = {};
  for (const name of ["xaxis", "yaxis"]) {
    const axis = box._fullLayout[name];
    if (axis && axis.autorange === false && box.dataset.zoomed) found[name] = axis.range.slice();
  }
  return found;
}

function curves(data) {
  const name = document.getElementById("of-panel").value;
  return data.filter((trace) => trace.panel === name).map(({ panel, ...trace }) => trace);
}

function drawNamed(content, box) {
  const plot = content.plots[box.dataset.plot];
  const wanted = box.dataset.plot === "curves" ? curves(plot.data) : plot.data;
  return draw(box, wanted, plot.layout);
}

function resetZoom(box, redraw) {
  delete box.dataset.zoomed;
  box.dataset.drawn = "none";
  redraw();
}

function rememberZoom(box) {
  box.on("plotly_relayout", (change) => {
    if (Object.keys(change).some((key) => key.includes("range["))) box.dataset.zoomed = "yes";
    if (Object.keys(change).some((key) => key.includes("autorange"))) delete box.dataset.zoomed;
  });
}
