// Plots: traces and axes of the data, with the colours of the theme.
const config = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["toImage", "select2d", "lasso2d", "autoScale2d"], displayModeBar: false, topojsonURL: "", plotlyServerURL: "" };

function withColours(value) {
  if (typeof value === "string" && /^@(\d|line|text)$/.test(value)) return themeColour(/\d/.test(value) ? `c${value[1]}` : value.slice(1));
  if (Array.isArray(value)) return value.map(withColours);
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withColours(one)]));
  return value;
}

const withTitleStyle = (axis) => (axis?.title ? { ...axis, title: { ...axis.title, standoff: 6, font: { size: 13 } } } : axis);

function plotLayout(layout, width) {
  const narrow = width < 520;
  const axis = { gridcolor: themeColour("line"), zerolinecolor: themeColour("muted"), linecolor: themeColour("line"), automargin: true };
  const { panels, height, ...own } = layout;
  return withColours({
    margin: { l: narrow ? 50 : 60, r: 16, t: 16, b: 55 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: narrow ? 11 : 13, color: themeColour("text") },
    hoverlabel: { bgcolor: themeColour("card"), font: { color: themeColour("text") }, bordercolor: themeColour("line"), align: "left" },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 }, showlegend: true, dragmode: "zoom", hovermode: "closest",
    ...own, height, width: paper.matches ? 660 : undefined, autosize: !paper.matches,
    xaxis: { ...axis, ...withTitleStyle(own.xaxis) }, yaxis: { ...axis, ...withTitleStyle(own.yaxis) },
  });
}

// Like plots.escape: plotly.js interprets some tags and entities, and withColours() interprets @1.
const escapeText = (text) => String(text ?? "").replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/@/g, "&#64;");

async function draw(box, data, layout) {
  const axes = box._fullLayout && box.dataset.drawn === box.dataset.view ? currentZoom(box) : {};
  box.style.height = `${layout.height}px`;
  const wanted = plotLayout(layout, box.clientWidth);
  for (const [name, range] of Object.entries(axes)) Object.assign(wanted[name], { range, autorange: false });
  await Plotly.react(box, withColours(data), wanted, config);
  box.dataset.drawn = box.dataset.view ?? "";
}

function currentZoom(box) {
  const found = {};
  for (const name of ["xaxis", "yaxis"]) {
    const axis = box._fullLayout[name];
    if (axis && axis.autorange === false && box.dataset.zoomed) found[name] = axis.range.slice();
  }
  return found;
}

function selectedCurves(data) {
  const name = document.getElementById("curve-select").value;
  return data.filter((trace) => trace.panel === name).map(({ panel, ...trace }) => trace);
}

function drawNamed(content, box) {
  const plot = content.plots[box.dataset.plot];
  const wanted = box.dataset.plot === "curves" ? selectedCurves(plot.data) : plot.data;
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
